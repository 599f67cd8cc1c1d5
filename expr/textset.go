package expr

// textSet finds texts among some that are given, by their place.
type textSet struct {
	lens uint64 // bit n: one of them has n bytes; bit 63: or more
	list []string
	at   map[string]int // nil: they are few
}

// textLinear is the length up to which a list of texts is scanned.
const textLinear = 8

// textSetOf makes a set; of equal texts the first counts.
func textSetOf(list []string) textSet {
	s := textSet{list: list}
	if len(list) > textLinear {
		s.at = make(map[string]int, len(list))
	}
	for i, x := range list {
		s.lens |= 1 << min(len(x), 63)
		if s.at == nil {
			continue
		}
		if _, twice := s.at[x]; !twice {
			s.at[x] = i
		}
	}
	return s
}

// find is the place of a text; -1: it is not there.
func (s *textSet) find(b []byte) int {
	if s.lens>>min(uint(len(b)), 63)&1 == 0 {
		return -1
	}
	if s.at != nil {
		if i, ok := s.at[string(b)]; ok {
			return i
		}
		return -1
	}
	for i, x := range s.list {
		if x == string(b) {
			return i
		}
	}
	return -1
}
