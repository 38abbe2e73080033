package wiretest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
)

// A Connection is what the admin listener shows of one.
type Connection struct {
	ID, Transport, Remote, Since string
	Subscriptions                []struct {
		Stream, Key, Position string
		EventTypes            []string
		Lag                   int
	}
}

// Admin sends a request to the admin listener, a body as JSON, and gives status and body.
func (s *Server) Admin(method, path, body string) (int, string) {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Leat.AdminHandler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// Connections lists the connections, by the parameters of the list, and gives what comes next.
func (s *Server) Connections(query string) (list []Connection, next string) {
	s.t.Helper()
	status, text := s.Admin(http.MethodGet, "/connections"+query, "")
	var page struct {
		Connections []Connection
		Next        string
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil || status != http.StatusOK || page.Connections == nil {
		s.t.Fatalf("GET /connections%s: %d %s", query, status, text)
	}
	return page.Connections, page.Next
}

// Newest is the connection that came last.
func (s *Server) Newest() Connection {
	s.t.Helper()
	list, _ := s.Connections("?limit=1000")
	if len(list) == 0 {
		s.t.Fatal("nobody is connected")
	}
	return list[len(list)-1]
}

// Push pushes to a connection, and gives the problem of what is refused.
func (s *Server) Push(id, body string) *Problem {
	s.t.Helper()
	status, text := s.Admin(http.MethodPost, "/connections/"+id+"/events", body)
	if status == http.StatusNoContent {
		return nil
	}
	p, err := parseProblem([]byte(text))
	if err != nil || p.Status != status {
		s.t.Fatalf("pushing to %s: %d %s (%v)", id, status, text, err)
	}
	return p
}
