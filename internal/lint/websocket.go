package lint

var webSocketOneWay = &Rule{ID: "websocket-one-way", Severity: Warning,
	Reason: "Server-Sent Events need no library, resume by themselves and pass every proxy; a WebSocket is worth its trouble where clients send.",
	check: func(p *pass) {
		for _, s := range p.streams {
			if s.socketOnly.Exists() && len(s.commands) == 0 {
				p.report(s.socketOnly, "offer it over sse too (a stream is on all transports unless it says otherwise)",
					"%s can be subscribed over WebSocket and not over SSE, and clients send nothing on it", p.name(s))
			}
		}
	}}

// name is how a finding names a stream.
func (a *api) name(s *stream) string {
	if a.parsed != nil {
		return `stream "` + s.name + `"`
	}
	return s.name
}
