package limit

import "encoding/binary"

// index finds a key's bucket: open addressing with linear probing over slots
// of eight bytes. A Go map would do the same with two to three cache misses
// instead of one, and keys that are hashes already need no hashing.
type index struct {
	slots []slot // a power of two, at most ¾ in use
	used  int
}

// slot is empty when at is zero; otherwise at is the bucket's number plus one.
// tag is 32 bits of the key: its home, and reason enough to look at the bucket.
type slot struct{ tag, at uint32 }

func tagOf(key Key) uint32 { return binary.LittleEndian.Uint32(key[8:]) }

func (x *index) mask() uint32 { return uint32(len(x.slots) - 1) }

// insert adds bucket i, which must not be there yet, under tag.
func (x *index) insert(tag, i uint32) {
	if x.used >= len(x.slots)/4*3 {
		x.grow()
	}
	x.put(slot{tag, i + 1})
	x.used++
}

func (x *index) put(s slot) {
	p := s.tag & x.mask()
	for x.slots[p].at != 0 {
		p = (p + 1) & x.mask()
	}
	x.slots[p] = s
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]slot, max(8, 2*len(old)))
	for _, s := range old {
		if s.at != 0 {
			x.put(s)
		}
	}
}

// remove takes bucket i, which must be there, out and closes the gap, so that
// no probe stops early and none has to step over the dead.
func (x *index) remove(tag, i uint32) {
	p := tag & x.mask()
	for x.slots[p].at != i+1 {
		p = (p + 1) & x.mask()
	}
	for next := (p + 1) & x.mask(); x.slots[next].at != 0; next = (next + 1) & x.mask() {
		home := x.slots[next].tag & x.mask()
		if (next-home)&x.mask() >= (next-p)&x.mask() {
			x.slots[p] = x.slots[next]
			p = next
		}
	}
	x.slots[p] = slot{}
	x.used--
}
