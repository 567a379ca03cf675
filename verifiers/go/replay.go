package signet

import (
	"context"
	"sync"
	"time"
)

// ReplayStore stores accepted requests. Several processes need a shared one, such as Redis with SET … NX PXAT.
type ReplayStore interface {
	// Remember stores an id atomically and reports whether it is new: one of two calls with the same id returns true. From expiresAt on, the
	// signature is refused as too old.
	Remember(ctx context.Context, id string, expiresAt, now time.Time) (bool, error)
}

// MemoryReplayStore is a ReplayStore of one process. The zero value is ready.
type MemoryReplayStore struct {
	// Limit is its capacity, 1,000,000 by default. A full store refuses new requests instead of forgetting accepted ones.
	Limit int

	mutex   sync.Mutex
	seen    map[string]time.Time
	sweepAt time.Time
}

// Remember implements ReplayStore.
func (s *MemoryReplayStore) Remember(_ context.Context, id string, expiresAt, now time.Time) (bool, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	limit := s.Limit
	if limit <= 0 {
		limit = 1_000_000
	}
	if s.seen == nil {
		s.seen = map[string]time.Time{}
	}
	if !now.Before(s.sweepAt) {
		for each, end := range s.seen {
			if end.Before(now) {
				delete(s.seen, each)
			}
		}
		// Expired entries are not removed on every call, because a full store would be scanned for every request.
		s.sweepAt = now.Add(time.Minute)
		if len(s.seen) >= limit {
			s.sweepAt = now.Add(time.Second)
		}
	}
	if _, known := s.seen[id]; known || len(s.seen) >= limit {
		return false, nil
	}
	s.seen[id] = expiresAt
	if soon := now.Add(time.Second); len(s.seen) >= limit && soon.Before(s.sweepAt) {
		s.sweepAt = soon
	}
	return true, nil
}
