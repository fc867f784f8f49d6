// SPDX-License-Identifier: Apache-2.0

package coap

import "fmt"

// Block is the value of a Block1 or Block2 option (RFC 7959 §2.2).
type Block struct {
	Num  uint32 // 0 to 1048575
	More bool
	SZX  uint8 // 0 to 6; 7 is reserved
}

// Size is the block size in bytes: 16 to 1024.
func (b Block) Size() int { return 1 << (b.SZX + 4) }

// Uint is the option's value.
func (b Block) Uint() uint32 {
	u := b.Num<<4 | uint32(b.SZX&7)
	if b.More {
		u |= 8
	}
	return u
}

// String is the block as RFC 7959 writes it: NUM/M/SIZE, "2/1/64".
func (b Block) String() string {
	m := 0
	if b.More {
		m = 1
	}
	return fmt.Sprintf("%d/%d/%d", b.Num, m, b.Size())
}

// ParseBlock reads the value of a Block1 or Block2 option. SZX 7 is returned as
// it stands: what to answer is the receiver's decision (RFC 7959 §2.2).
func ParseBlock(v []byte) (Block, bool) {
	if len(v) > 3 {
		return Block{}, false
	}
	u, _ := Uint(v)
	return Block{Num: u >> 4, More: u&8 != 0, SZX: uint8(u & 7)}, true
}
