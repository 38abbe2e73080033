package leat

import "github.com/prometheus/client_golang/prometheus"

// Registry has the metrics of the server.
func (s *Server) Registry() *prometheus.Registry { return s.registry }
