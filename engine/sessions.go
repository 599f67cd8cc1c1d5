package engine

import "sync"

// sessionSet is the open sessions, for pg_stat_activity.
type sessionSet struct {
	mu sync.Mutex
	m  map[*Session]bool
}

func (s *sessionSet) add(x *Session) {
	s.mu.Lock()
	if s.m == nil {
		s.m = map[*Session]bool{}
	}
	s.m[x] = true
	s.mu.Unlock()
}

func (s *sessionSet) remove(x *Session) {
	s.mu.Lock()
	delete(s.m, x)
	s.mu.Unlock()
}

func (s *sessionSet) list() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Session, 0, len(s.m))
	for x := range s.m {
		out = append(out, x)
	}
	return out
}
