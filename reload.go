package leat

import (
	"context"
	"errors"
	"regexp"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/typed"
	"github.com/prometheus/client_golang/prometheus"
)

// A serving is what the server makes of its contract; it never changes, and a reload puts another one in its place.
type serving struct {
	contract *contract.Contract
	lock     *typed.Lock // with the numbers of all fields, also of those that the lock beside the contract does not have
	api      *typed.API
	protos   *protos
	openAPI  *openAPI
	asyncAPI *asyncAPI
	docs     docs
	logs     map[string]*eventlog.Stream
	refused  error // why the last reload was refused, nil where none was since the last that was applied
}

func newServing(c *contract.Contract, lock *typed.Lock, api *typed.API) *serving {
	return &serving{contract: c, lock: lock, api: api, protos: newProtos(c, api), openAPI: newOpenAPI(c), asyncAPI: &asyncAPI{contract: c},
		docs: newDocs(c, api), logs: map[string]*eventlog.Stream{}}
}

// Contract is what the server serves now.
func (s *Server) Contract() *contract.Contract { return s.serving.Load().contract }

// Reload has the server serve another version of its contract, without dropping a connection. load gives it, such as
//
//	func() (*contract.Contract, error) { return contract.Load("leat.yaml") }
//
// Only what is compatible for consumers and producers takes effect (contract.Compare), as a whole; for the rest, and what
// only a start can change, the error is a contract.Errors with the place of each change, the server goes on as before, and
// says so in its metrics and at /readyz. The error of load is such a refusal too.
func (s *Server) Reload(ctx context.Context, load func() (*contract.Contract, error)) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	select {
	case <-s.hub.Draining():
		return problem.New(problem.Draining, "this node is shutting down, and serves no other contract")
	default:
	}
	before := s.serving.Load()
	c, err := load()
	if err == nil {
		err = s.reload(ctx, before, c)
	}
	result := "applied"
	if err != nil {
		result = "refused"
		after := *before
		after.refused = err
		s.serving.Store(&after)
	}
	s.reloads.WithLabelValues(result).Inc()
	return err
}

func newReloads(registry prometheus.Registerer) *prometheus.CounterVec {
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "leat_contract_reloads_total",
		Help: "Versions of the contract that were read while the server runs: applied, or refused because they are wrong or would break clients.",
	}, []string{"result"})
	registry.MustRegister(reloads)
	for _, result := range []string{"applied", "refused"} {
		reloads.WithLabelValues(result)
	}
	return reloads
}

// reload changes nothing unless it changes all.
func (s *Server) reload(ctx context.Context, before *serving, c *contract.Contract) error {
	if err := reloadable(before.contract, c); err != nil {
		return err
	}
	lock, err := s.lockFor(before, c)
	if err != nil {
		return err
	}
	api, err := typed.Build(c, lock)
	if err != nil {
		return err
	}
	after := newServing(c, lock, api)
	if err := s.openLogs(ctx, before, after); err != nil {
		return err
	}
	s.apply(before, after)
	return nil
}

// reloadable says what of a new contract cannot take effect while the server runs.
func reloadable(old, now *contract.Contract) error {
	if missing := now.NotBuilt(); len(missing) > 0 {
		return contract.Errors(missing)
	}
	var wrong contract.Errors
	for _, c := range contract.Compare(old, now).List {
		if c.Breaking() {
			wrong = append(wrong, contract.Error{File: c.File, Line: c.Line, Col: c.Col, Text: c.Describe()})
		}
	}
	for _, is := range now.Streams {
		was := old.Stream(is.Name)
		if was != nil && was.Durability != is.Durability {
			wrong = append(wrong, now.ErrorAt([]string{"streams", is.Name, "durability"}, "stream %q: durability: %s → %s needs a restart",
				is.Name, was.Durability, is.Durability))
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// lockFor gives the numbers of the new contract's fields: with those of the lock beside it where they are what clients
// have now, and else with those that were given at the start.
func (s *Server) lockFor(before *serving, c *contract.Contract) (*typed.Lock, error) {
	lock, err := typed.ReadLock(typed.LockFile(c.File))
	if err == nil && agrees(lock, before) {
		_, err = lock.Assign(before.contract) // what it lacks was given at the start
		if err == nil {
			_, err = lock.Assign(c)
		}
		if err == nil {
			return lock, nil
		}
	}
	lock = before.lock.Clone()
	_, err = lock.Assign(c)
	return lock, err
}

// What a lock keeps of what is no longer in the contract, or not yet.
var reserved = regexp.MustCompile(`(?m)^\s*reserved .*\n`)

// agrees tells whether a lock makes of the contract that is served what is served.
func agrees(lock *typed.Lock, now *serving) bool {
	api, err := typed.Build(now.contract, lock)
	if err != nil {
		return false
	}
	for _, name := range now.contract.StreamNames() {
		if api.Service(name) != nil && reserved.ReplaceAllString(api.Proto(name), "") != reserved.ReplaceAllString(now.api.Proto(name), "") {
			return false
		}
	}
	return true
}

// openLogs opens what is new, and then changes the retention of what is there. What it opened and does not need it leaves:
// an empty stream that the next reload, or start, finds.
func (s *Server) openLogs(ctx context.Context, before, after *serving) error {
	for _, declared := range after.contract.Streams {
		log := before.logs[declared.Name]
		if log == nil {
			var err error
			if log, err = s.log.Stream(ctx, declared); err != nil {
				return err
			}
		}
		after.logs[declared.Name] = log
	}
	for i, declared := range after.contract.Streams {
		err := after.logs[declared.Name].Retain(ctx, declared.Retention)
		if err == nil {
			continue
		}
		for _, done := range after.contract.Streams[:i] {
			if was := before.contract.Stream(done.Name); was != nil {
				err = errors.Join(err, after.logs[done.Name].Retain(ctx, was.Retention))
			}
		}
		return err
	}
	return nil
}

// apply begins with those who deliver, and ends with those who let something in: nothing comes that nobody can encode.
func (s *Server) apply(before, after *serving) {
	s.serving.Store(after)
	s.grpc.Change(after.contract, after.api)
	s.sockets.Change(after.contract)
	for _, declared := range after.contract.Streams {
		var fits func(string, []byte) []problem.Violation
		if of := after.api.Service(declared.Name); of != nil {
			fits = of.Check
		}
		if before.contract.Stream(declared.Name) == nil {
			s.hub.Add(declared, after.logs[declared.Name])
			s.backends.Add(declared, fits)
			s.ingest.Add(declared, after.logs[declared.Name], fits)
			continue
		}
		s.hub.Change(declared)
		s.backends.Change(declared, fits)
		s.ingest.Change(declared, fits)
	}
}

const notServed = "the contract was changed and is not served, the one before is"

// note is what /readyz says on the admin listener beside that the server is ready.
func (s *Server) note() string {
	if err := s.serving.Load().refused; err != nil {
		return notServed + ": " + err.Error()
	}
	return ""
}
