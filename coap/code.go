// SPDX-License-Identifier: Apache-2.0

package coap

import (
	"fmt"
	"strings"
)

// Code is a method or response code: three bits of class, five of detail
// (RFC 7252 §3).
type Code uint8

// MakeCode puts a code together: MakeCode(4, 4) is 4.04.
func MakeCode(class, detail uint8) Code { return Code(class<<5 | detail&0x1f) }

// Class is the three-bit class of the code.
func (c Code) Class() uint8 { return uint8(c) >> 5 }

// Detail is the five-bit detail of the code.
func (c Code) Detail() uint8 { return uint8(c) & 0x1f }

// The codes of RFC 7252 §12.1, RFC 7959 §6, RFC 8132 §6, RFC 8516 and RFC 8768.
const (
	CodeEmpty Code = 0

	GET    Code = 1
	POST   Code = 2
	PUT    Code = 3
	DELETE Code = 4
	FETCH  Code = 5
	PATCH  Code = 6
	IPATCH Code = 7

	Created  Code = 2<<5 | 1
	Deleted  Code = 2<<5 | 2
	Valid    Code = 2<<5 | 3
	Changed  Code = 2<<5 | 4
	Content  Code = 2<<5 | 5
	Continue Code = 2<<5 | 31

	BadRequest               Code = 4 << 5
	Unauthorized             Code = 4<<5 | 1
	BadOption                Code = 4<<5 | 2
	Forbidden                Code = 4<<5 | 3
	NotFound                 Code = 4<<5 | 4
	MethodNotAllowed         Code = 4<<5 | 5
	NotAcceptable            Code = 4<<5 | 6
	RequestEntityIncomplete  Code = 4<<5 | 8
	Conflict                 Code = 4<<5 | 9
	PreconditionFailed       Code = 4<<5 | 12
	RequestEntityTooLarge    Code = 4<<5 | 13
	UnsupportedContentFormat Code = 4<<5 | 15
	UnprocessableEntity      Code = 4<<5 | 22
	TooManyRequests          Code = 4<<5 | 29

	InternalServerError  Code = 5 << 5
	NotImplemented       Code = 5<<5 | 1
	BadGateway           Code = 5<<5 | 2
	ServiceUnavailable   Code = 5<<5 | 3
	GatewayTimeout       Code = 5<<5 | 4
	ProxyingNotSupported Code = 5<<5 | 5
	HopLimitReached      Code = 5<<5 | 8
)

var codeNames = map[Code]string{
	CodeEmpty: "Empty",
	GET:       "GET", POST: "POST", PUT: "PUT", DELETE: "DELETE", FETCH: "FETCH", PATCH: "PATCH", IPATCH: "iPATCH",
	Created: "Created", Deleted: "Deleted", Valid: "Valid", Changed: "Changed", Content: "Content", Continue: "Continue",
	BadRequest: "Bad Request", Unauthorized: "Unauthorized", BadOption: "Bad Option", Forbidden: "Forbidden",
	NotFound: "Not Found", MethodNotAllowed: "Method Not Allowed", NotAcceptable: "Not Acceptable",
	RequestEntityIncomplete: "Request Entity Incomplete", Conflict: "Conflict",
	PreconditionFailed: "Precondition Failed", RequestEntityTooLarge: "Request Entity Too Large",
	UnsupportedContentFormat: "Unsupported Content-Format", UnprocessableEntity: "Unprocessable Entity",
	TooManyRequests: "Too Many Requests", InternalServerError: "Internal Server Error",
	NotImplemented: "Not Implemented", BadGateway: "Bad Gateway", ServiceUnavailable: "Service Unavailable",
	GatewayTimeout: "Gateway Timeout", ProxyingNotSupported: "Proxying Not Supported", HopLimitReached: "Hop Limit Reached",
}

// Name is the code's name in the registry, or "" when it has none.
func (c Code) Name() string { return codeNames[c] }

// Dotted is the code as c.dd: "2.05".
func (c Code) Dotted() string { return fmt.Sprintf("%d.%02d", c.Class(), c.Detail()) }

// String is a method's name ("GET"), or a response code as c.dd with its name
// ("2.05 Content").
func (c Code) String() string {
	name, ok := codeNames[c]
	switch {
	case !ok:
		return c.Dotted()
	case c.IsRequest():
		return name
	default:
		return c.Dotted() + " " + name
	}
}

// IsRequest says whether c is in the range of method codes, 0.01 to 0.31.
func (c Code) IsRequest() bool { return c != CodeEmpty && c.Class() == 0 }

// IsResponse says whether c is of class 2, 4 or 5.
func (c Code) IsResponse() bool { return c.Class() == 2 || c.Class() == 4 || c.Class() == 5 }

// IsReserved says whether c is of class 1, 3, 6 or 7, none of which may be sent
// over UDP (RFC 7252 §3, §12.1; class 7 belongs to RFC 8323).
func (c Code) IsReserved() bool { return !c.IsResponse() && c.Class() != 0 }

// ParseCode reads a method by name ("GET") or a code as "2.05", "2.05 Content"
// or "Content". A number and a name that disagree are an error.
func ParseCode(s string) (Code, error) {
	s = strings.TrimSpace(s)
	number, name, _ := strings.Cut(s, " ")
	if len(number) == 4 && number[1] == '.' {
		class, d1, d0 := number[0]-'0', number[2]-'0', number[3]-'0'
		if class > 7 || d1 > 9 || d0 > 9 || d1*10+d0 > 31 {
			return 0, fmt.Errorf("code %q: want c.dd with c from 0 to 7 and dd from 00 to 31", number)
		}
		c := MakeCode(class, d1*10+d0)
		switch name = strings.TrimSpace(name); {
		case name == "" || strings.EqualFold(name, c.Name()):
			return c, nil
		case c.Name() == "":
			return 0, fmt.Errorf("code %q: %s has no name", s, number)
		default:
			return 0, fmt.Errorf("code %q: %s is called %q", s, number, c.Name())
		}
	}
	for c, n := range codeNames {
		if strings.EqualFold(n, s) {
			return c, nil
		}
	}
	return 0, fmt.Errorf("code %q: want a method such as GET, or a code such as 2.05", s)
}
