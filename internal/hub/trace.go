package hub

import "strings"

// A trace is a W3C Trace Context.
type trace struct{ parent, state string }

const (
	maxTraceparent = 256
	maxTracestate  = 512 // what everybody has to pass on (W3C Trace Context, section 3.3.1.5)
)

// SetTrace says which trace the client was in when it connected: the values of its headers traceparent and tracestate, as
// they came. It is for before the connection has subscribers.
func (c *Connection) SetTrace(parents, states []string) {
	if len(parents) != 1 || len(parents[0]) > maxTraceparent {
		return
	}
	c.trace = &trace{parent: parents[0]}
	if state := strings.Join(states, ","); len(state) <= maxTracestate {
		c.trace.state = state
	}
}

// Trace is what SetTrace was given; empty: nothing.
func (c *Connection) Trace() (parent, state string) {
	if c.trace == nil {
		return "", ""
	}
	return c.trace.parent, c.trace.state
}
