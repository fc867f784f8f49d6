// SPDX-License-Identifier: Apache-2.0

package coap_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/fixtures"
)

// This file holds the codec and its tables against go-coap's, which was written
// by others. Every class of difference stands in a table with its reason; one
// that stands in none is a failure, and so is an entry that no longer differs.

// squash takes what the two spell differently out of a name.
func squash(s string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(s))
}

func TestCodesAgreeWithGoCoAP(t *testing.T) {
	const noName, ours, theirs = "go-coap has the constant without a name", "go-coap does not have it", "signalling, RFC 8323: not over UDP"
	differences := map[coap.Code]string{
		coap.FETCH: ours, coap.PATCH: ours, coap.IPATCH: ours,
		coap.Continue:                 noName,
		coap.RequestEntityIncomplete:  noName,
		coap.Conflict:                 ours,
		coap.UnsupportedContentFormat: "go-coap calls it UnsupportedMediaType, as HTTP does; RFC 7252 §12.1.2 has Content-Format",
		coap.UnprocessableEntity:      ours,
		coap.HopLimitReached:          ours,
		coap.Code(codes.CSM):          theirs,
		coap.Code(codes.Ping):         theirs,
		coap.Code(codes.Pong):         theirs,
		coap.Code(codes.Release):      theirs,
		coap.Code(codes.Abort):        theirs,
	}
	for c := range 256 {
		theirName := codes.Code(c).String()
		if strings.HasPrefix(theirName, "Code(") {
			theirName = ""
		}
		code := coap.Code(c)
		agree := squash(code.Name()) == squash(theirName)
		switch why := differences[code]; {
		case agree && why != "":
			t.Errorf("%s: %q agrees now: take it out of the differences", code.Dotted(), theirName)
		case !agree && why == "":
			t.Errorf("%s: we say %q, go-coap %q", code.Dotted(), code.Name(), theirName)
		}
	}
	// The numbers of those without a name.
	for theirs, ours := range map[codes.Code]coap.Code{
		codes.Continue: coap.Continue, codes.RequestEntityIncomplete: coap.RequestEntityIncomplete,
		codes.UnsupportedMediaType: coap.UnsupportedContentFormat,
	} {
		if int(theirs) != int(ours) {
			t.Errorf("%v is %d there and %d here", ours, theirs, ours)
		}
	}
}

func TestTypesAgreeWithGoCoAP(t *testing.T) {
	for theirs, ours := range map[message.Type]coap.Type{
		message.Confirmable: coap.Confirmable, message.NonConfirmable: coap.NonConfirmable,
		message.Acknowledgement: coap.Acknowledgement, message.Reset: coap.Reset,
	} {
		if int(theirs) != int(ours) {
			t.Errorf("%s is %d there and %d here", ours, theirs, ours)
		}
	}
}

func TestOptionsAgreeWithGoCoAP(t *testing.T) {
	onlyHere := []coap.OptionNumber{
		coap.OSCORE, coap.HopLimit, coap.QBlock1, coap.QBlock2, coap.Echo, coap.RequestTag,
	}
	formats := map[message.ValueFormat][]coap.ValueFormat{
		message.ValueOpaque: {coap.FormatOpaque},
		message.ValueEmpty:  {coap.FormatEmpty},
		message.ValueUint:   {coap.FormatUint, coap.FormatBlock},
		message.ValueString: {coap.FormatString},
	}
	for number, theirs := range message.CoapOptionDefs {
		ours, ok := coap.OptionNumber(number).Definition()
		if !ok {
			t.Errorf("%s (%d) is not known here", number, number)
			continue
		}
		if squash(ours.Name) != squash(number.String()) {
			t.Errorf("%d: %q here, %q there", number, ours.Name, number)
		}
		if ours.Min != int(theirs.MinLen) || ours.Max != int(theirs.MaxLen) {
			t.Errorf("%s: %d to %d bytes here, %d to %d there", ours.Name, ours.Min, ours.Max, theirs.MinLen, theirs.MaxLen)
		}
		if !slices.Contains(formats[theirs.ValueFormat], ours.Format) {
			t.Errorf("%s: value format %d here, %d there", ours.Name, ours.Format, theirs.ValueFormat)
		}
	}
	for _, d := range coap.Definitions() {
		_, there := message.CoapOptionDefs[message.OptionID(d.Number)]
		if there == slices.Contains(onlyHere, d.Number) {
			t.Errorf("%s: known to go-coap: %t", d.Name, there)
		}
	}
}

func TestFormatsAgreeWithGoCoAP(t *testing.T) {
	differences := map[coap.Format]string{
		256: "go-coap leaves out application/",
	}
	onlyHere := map[coap.Format]bool{
		coap.ImageGIF: true, coap.ImageJPEG: true, coap.ImagePNG: true,
		111: true, 113: true, 257: true, 310: true, 311: true, 20000: true, 30000: true,
	}
	for f := range 65536 {
		format := coap.Format(f)
		ours, _ := format.MediaType()
		theirs := message.MediaType(f).String()
		if strings.HasPrefix(theirs, "MediaType(") {
			theirs = ""
		}
		agree := ours == theirs
		switch explained := differences[format] != "" || onlyHere[format] && theirs == ""; {
		case agree && explained:
			t.Errorf("%d: %q agrees now: take it out of the differences", f, theirs)
		case !agree && !explained:
			t.Errorf("%d: we say %q, go-coap %q", f, ours, theirs)
		}
	}
}

// A difference is one class of datagrams that go-coap's codec reads otherwise
// than RFC 7252 asks, as a change to what we read.
type difference struct {
	name, why string
	// example is a datagram of the class.
	example string
	// apply turns our reading into go-coap's, and says whether the datagram is
	// of the class.
	apply func(*reading) bool
}

// reading is what a codec makes of a datagram: a message, or faults.
type reading struct {
	message coap.Message
	faults  []*coap.FormatError
}

// forgive drops the faults that match and says whether there were any.
func (r *reading) forgive(match func(*coap.FormatError) bool) bool {
	n := len(r.faults)
	r.faults = slices.DeleteFunc(r.faults, match)
	return len(r.faults) < n
}

// drop removes the options that match and says whether there were any.
func (r *reading) drop(match func(coap.Option) bool) bool {
	n := len(r.message.Options)
	r.message.Options = slices.DeleteFunc(r.message.Options, match)
	return len(r.message.Options) < n
}

var differences = []difference{
	{
		"accepts a payload marker with nothing behind it",
		"RFC 7252 §3 calls that a message format error; go-coap reads an absent payload",
		"40010001 ff",
		func(r *reading) bool {
			return r.forgive(func(f *coap.FormatError) bool { return strings.HasPrefix(f.What, "a payload marker") })
		},
	},
	{
		"accepts an Empty message with a tail",
		"RFC 7252 §4.1 calls bytes behind the message id a message format error; go-coap reads them as token, options and payload",
		"41000001 aa b161 ff62",
		func(r *reading) bool {
			return r.forgive(func(f *coap.FormatError) bool { return f.Section == "RFC 7252 §4.1" })
		},
	},
	{
		"drops options of a length that its table does not allow, critical ones too",
		"RFC 7252 §5.4.3 has them treated as unrecognised, so a critical one makes the message one to reject: not the codec's to hide",
		"40010001 30",
		func(r *reading) bool {
			return r.drop(func(o coap.Option) bool {
				d, known := message.CoapOptionDefs[message.OptionID(o.Number)]
				return known && (len(o.Value) < int(d.MinLen) || len(o.Value) > int(d.MaxLen))
			})
		},
	},
	{
		"drops options with the number 0",
		"the number is reserved (RFC 7252 §12.2), but the option is well-formed; go-coap takes 0 for no option",
		"40010001 01 61",
		func(r *reading) bool {
			return r.drop(func(o coap.Option) bool { return o.Number == 0 })
		},
	},
}

// ourReading reads b as far as it goes: go-coap accepts some of what is illegal.
func ourReading(b []byte) *reading {
	d := coap.Dissect(b)
	return &reading{*d.Message.Clone(), d.Faults}
}

// theirReading is what go-coap reads.
func theirReading(b []byte) (*coap.Message, error) {
	m := message.Message{Options: make(message.Options, 0, len(b)+1)}
	if _, err := coder.DefaultCoder.Decode(b, &m); err != nil {
		return nil, err
	}
	ours := &coap.Message{
		Type: coap.Type(m.Type), Code: coap.Code(m.Code), MessageID: uint16(m.MessageID),
		Token: m.Token, Payload: m.Payload,
	}
	for _, o := range m.Options {
		ours.Options = append(ours.Options, coap.Option{Number: coap.OptionNumber(o.ID), Value: o.Value})
	}
	return ours, nil
}

// compareWithGoCoAP fails for every difference that the table does not explain,
// and returns the names of those that it does.
func compareWithGoCoAP(t *testing.T, b []byte) []string {
	t.Helper()
	ours := ourReading(b)
	legal := len(ours.faults) == 0
	var met []string
	for _, d := range differences {
		if d.apply(ours) {
			met = append(met, d.name)
		}
	}
	theirs, err := theirReading(b)
	switch {
	case err != nil && len(ours.faults) == 0:
		t.Errorf("%x: go-coap refuses it: %v; we read %v", b, err, &ours.message)
	case err == nil && len(ours.faults) != 0:
		t.Errorf("%x: go-coap reads %v, we name %v", b, theirs, ours.faults)
	case err == nil:
		if diff := cmp.Diff(&ours.message, theirs, equal); diff != "" {
			t.Errorf("%x: -ours +go-coap:\n%s", b, diff)
		}
	default:
		return nil // Both refuse it; what else differs does not show.
	}

	if m, err := coap.Decode(b); legal && err == nil {
		compareEncoding(t, m)
	}
	return met
}

// compareEncoding has both write a legal message.
func compareEncoding(t *testing.T, m *coap.Message) {
	t.Helper()
	ours, err := m.MarshalBinary()
	if err != nil {
		t.Errorf("%v: %v", m, err)
	}
	same := message.Message{
		Type: message.Type(m.Type), Code: codes.Code(m.Code), MessageID: int32(m.MessageID),
		Token: m.Token, Payload: m.Payload,
	}
	for _, o := range m.Options {
		same.Options = append(same.Options, message.Option{ID: message.OptionID(o.Number), Value: o.Value})
	}
	size, err := coder.DefaultCoder.Size(same)
	if err != nil {
		t.Errorf("%v: go-coap has no size for it: %v", m, err)
		return
	}
	theirs := make([]byte, size)
	if _, err := coder.DefaultCoder.Encode(same, theirs); err != nil || !bytes.Equal(ours, theirs) {
		t.Errorf("%v: we write %x, go-coap %x, %v", m, ours, theirs, err)
	}
}

func TestDifferencesFromGoCoAPAreReal(t *testing.T) {
	for _, d := range differences {
		t.Run(d.name, func(t *testing.T) {
			if got := compareWithGoCoAP(t, unhex(t, d.example)); !slices.Contains(got, d.name) {
				t.Errorf("the example shows %q: is the difference still there?\n\t%s", got, d.why)
			}
		})
	}
}

func TestHostileDatagramsAgreeWithGoCoAP(t *testing.T) {
	ds, err := fixtures.HostileCoAP()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		t.Run(d.ID, func(t *testing.T) { compareWithGoCoAP(t, d.Bytes) })
	}
}

func FuzzAgainstGoCoAP(f *testing.F) {
	seed(f)
	for _, d := range differences {
		f.Add(unhex(f, d.example))
	}
	f.Fuzz(func(t *testing.T, b []byte) { compareWithGoCoAP(t, b) })
}
