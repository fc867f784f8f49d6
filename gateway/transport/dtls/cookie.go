// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"reflect"
	"time"

	pion "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// cookieLength is the length of a cookie: that of pion's.
const cookieLength = 20

// cookiePeriod is how often cookies change. One is good for one to two periods:
// long enough for a client that loses many datagrams.
const cookiePeriod = time.Minute

// cookies makes the cookies by which a client proves that it receives what is
// sent to its address, and knows them again without having kept anything
// (RFC 6347 §4.2.1).
type cookies struct{ secret [32]byte }

func newCookies() *cookies {
	c := new(cookies)
	_, _ = rand.Read(c.secret[:]) // never fails
	return c
}

// bake is the cookie for a hello that came along the path in a period.
func (c *cookies) bake(h hello, p udp.Path, period int64) []byte {
	mac := hmac.New(sha256.New, c.secret[:])
	b := binary.BigEndian.AppendUint64(nil, uint64(period)) //nolint:gosec // bits are bits
	for _, a := range []interface{ MarshalBinary() ([]byte, error) }{p.Remote, p.Local} {
		end, _ := a.MarshalBinary()   // never fails
		b = append(b, byte(len(end))) //nolint:gosec // some 20
		b = append(b, end...)
	}
	mac.Write(b)
	mac.Write(h.client[0])
	mac.Write(h.client[1])
	return mac.Sum(nil)[:cookieLength]
}

func period() int64 { return time.Now().UnixNano() / int64(cookiePeriod) }

// fresh is the cookie to give out now.
func (c *cookies) fresh(h hello, p udp.Path) []byte { return c.bake(h, p, period()) }

// good says whether the hello has a cookie of ours that is not too old.
func (c *cookies) good(h hello, p udp.Path) bool {
	if len(h.cookie) != cookieLength {
		return false
	}
	now := period()
	return hmac.Equal(h.cookie, c.bake(h, p, now)) || hmac.Equal(h.cookie, c.bake(h, p, now-1))
}

// pionsCookie is where pion keeps the cookie that it has given out for this
// session, so that ours can take its place: pion has no option for it, makes
// cookies by chance alone, and keeps a whole session for each (ADR 0005). ok is
// false when this version of pion keeps it elsewhere.
func pionsCookie(c *pion.Conn) (cookie []byte, ok bool) {
	state := reflect.ValueOf(c).Elem().FieldByName("state")
	if state.Kind() != reflect.Struct {
		return nil, false
	}
	field := state.FieldByName("cookie")
	if !field.IsValid() || field.Type() != reflect.TypeFor[[]byte]() {
		return nil, false
	}
	return field.Bytes(), true
}
