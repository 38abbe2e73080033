package hub

// joined tells whoever wants to know that the subscriber's events begin to flow.
func (s *Subscriber) joined() {
	c := s.connection
	if c == nil || c.hub.options.Joined == nil {
		return
	}
	left := c.hub.options.Joined(c, s.stream.name, s.key)
	if left == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaves == nil {
		c.leaves = map[*Subscriber]func(){}
	}
	c.leaves[s] = left
}

// Leave tells whoever wants to know that the subscription is over, while the connection goes on. For the others Close of
// the connection tells it: a subscriber that has ended may be followed by a command that came before.
func (s *Subscriber) Leave() {
	c := s.connection
	c.mu.Lock()
	left := c.leaves[s]
	delete(c.leaves, s)
	c.mu.Unlock()
	if left != nil {
		left()
	}
}

// leaveAll tells it of all subscriptions.
func (c *Connection) leaveAll() {
	c.mu.Lock()
	leaves := c.leaves
	c.leaves = nil
	c.mu.Unlock()
	for _, left := range leaves {
		left()
	}
}
