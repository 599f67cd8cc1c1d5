package storage

import "encoding/binary"

// keyHead is the length of what precedes the operator's part of a key: table id
// (4 bytes, big-endian) and vnode (1 byte).
const keyHead = 5

// AppendKey appends the key under which a row of a state table is stored:
// table id, vnode, key.
func AppendKey(dst []byte, t TableID, v VNode, key []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(t))
	dst = append(dst, v)
	return append(dst, key...)
}

// tableBounds is the range [from, to) of all keys of a table.
func tableBounds(t TableID) (from, to []byte) {
	return binary.BigEndian.AppendUint32(nil, uint32(t)), binary.BigEndian.AppendUint32(nil, uint32(t)+1)
}

// vnodeBounds is the range of keys of the vnodes in the set.
func vnodeBounds(t TableID, set VNodeSet) (from, to []byte) {
	return vnodeStart(t, set.From), vnodeStart(t, set.To)
}

func vnodeStart(t TableID, v int) []byte {
	if v >= NumVNodes {
		return binary.BigEndian.AppendUint32(nil, uint32(t)+1)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(t)), byte(v))
}

// prefixEnd is the first key after all keys that begin with prefix; nil when
// there is none: the prefix is empty or all 0xff.
func prefixEnd(prefix []byte) []byte { return appendPrefixEnd(nil, prefix) }

func appendPrefixEnd(dst, prefix []byte) []byte {
	for n := len(prefix); n > 0; n-- {
		if prefix[n-1] != 0xff {
			dst = append(dst, prefix[:n]...)
			dst[len(dst)-1]++
			return dst
		}
	}
	return dst
}
