package limit

import "encoding/binary"

// slot is one place of a shard's index: open addressing with linear probing.
// The low 12 bits are a bucket's number plus one, zero if the slot is free;
// the other 4 are bits of its key, so that 15 of 16 strangers met on the way
// are passed without a look at their bucket.
//
// Two bytes a slot instead of a Go map: with a million keys picked at random
// a decision costs what its cache and TLB misses cost, and only an index of a
// few megabytes stays near. Keys are hashes already and need no hashing.
type slot uint16

const (
	numberBits = 12
	numberMask = 1<<numberBits - 1
	maxSlots   = 1 << numberBits
	minSlots   = 8
	maxShard   = maxSlots / 4 * 3 // buckets, so that probes stay short
)

// place is where key would like to be, and the slot of bucket i under it.
func place(key Key, i uint32) (home uint32, s slot) {
	home = binary.LittleEndian.Uint32(key[8:])
	return home, slot(key[12])<<numberBits | slot(i+1)
}

func (s *shard) find(key Key) (uint32, bool) {
	if len(s.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(s.slots) - 1)
	p, tag := place(key, 0)
	for ; s.slots[p&mask] != 0; p++ {
		sl := s.slots[p&mask]
		i := uint32(sl&numberMask) - 1
		if (sl^tag)>>numberBits == 0 && s.entry(i).key == key {
			return i, true
		}
	}
	return 0, false
}

// link makes bucket i, which has its key but no slot yet, findable.
func (s *shard) link(i uint32) {
	if s.linked >= len(s.slots)/4*3 {
		s.rehash()
	}
	s.put(i)
	s.linked++
}

func (s *shard) put(i uint32) {
	mask := uint32(len(s.slots) - 1)
	p, sl := place(s.entry(i).key, i)
	for s.slots[p&mask] != 0 {
		p++
	}
	s.slots[p&mask] = sl
}

func (s *shard) rehash() {
	old := s.slots
	s.slots = make([]slot, max(minSlots, 2*len(old)))
	for _, sl := range old {
		if sl != 0 {
			s.put(uint32(sl&numberMask) - 1)
		}
	}
}

// unlink takes bucket i out and closes the gap behind it: no probe stops
// early, and none has to step over the dead.
func (s *shard) unlink(i uint32) {
	mask := uint32(len(s.slots) - 1)
	gap, sl := place(s.entry(i).key, i)
	for s.slots[gap&mask] != sl {
		gap++
	}
	for p := gap + 1; s.slots[p&mask] != 0; p++ {
		home, _ := place(s.entry(uint32(s.slots[p&mask]&numberMask)-1).key, 0)
		if (p-home)&mask >= (p-gap)&mask {
			s.slots[gap&mask] = s.slots[p&mask]
			gap = p
		}
	}
	s.slots[gap&mask] = 0
	s.linked--
}
