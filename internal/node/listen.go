package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// listeners are the bound ones; a nil one is off.
type listeners struct{ public, admin, grpc *listener }

type listener struct{ net.Listener }

// listen binds before anything else is opened, so that ports in use are told at once, all of them, and leave nothing
// behind.
func (n *Node) listen(ctx context.Context) (*listeners, error) {
	var bound listeners
	var errs []error
	for _, want := range []struct {
		setting string
		address Address
		into    **listener
	}{
		{"listen", n.Settings.Listen, &bound.public},
		{"listen-admin", n.Settings.ListenAdmin, &bound.admin},
		{"listen-grpc", n.Settings.ListenGRPC, &bound.grpc},
	} {
		if want.address == Off {
			continue
		}
		l, err := n.bind(ctx, want.setting, want.address)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		*want.into = l
	}
	if len(errs) > 0 {
		bound.close()
		return nil, errors.Join(errs...)
	}
	if bound == (listeners{}) {
		return nil, &SettingError{"listen, listen-admin and listen-grpc are all off: nothing is left to serve"}
	}
	return &bound, nil
}

func (n *Node) bind(ctx context.Context, setting string, address Address) (*listener, error) {
	if !n.Settings.AllowAnonymous {
		if err := checkLoopback(ctx, setting, address); err != nil {
			return nil, err
		}
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", string(address))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s %s: the address is in use by another process; choose another with --%s, "+
			"where port 0 picks a free one and off closes the listener", setting, address, setting)
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", setting, address, err)
	}
	return &listener{l}, nil
}

// checkLoopback refuses an address that other machines could reach: nothing asks who is calling yet.
func checkLoopback(ctx context.Context, setting string, address Address) error {
	host, _, err := net.SplitHostPort(string(address))
	if err != nil {
		return &SettingError{fmt.Sprintf("%s: %v", setting, err)}
	}
	loopback := false // no host at all is every interface
	if host != "" {
		ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
		if err != nil {
			return fmt.Errorf("%s %s: %w", setting, address, err)
		}
		loopback = true
		for _, ip := range ips {
			loopback = loopback && ip.IP.IsLoopback()
		}
	}
	if loopback {
		return nil
	}
	return &SettingError{fmt.Sprintf("%s %s can be reached from other machines, and no authentication is configured: "+
		"listen on 127.0.0.1, or let everybody in with --allow-anonymous (%s=true, allow-anonymous: true)",
		setting, address, environmentName("allow-anonymous"))}
}

func (l *listener) onLoopback() bool {
	if l == nil {
		return false
	}
	tcp, ok := l.Addr().(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func (l *listener) url() string {
	if l == nil {
		return ""
	}
	return "http://" + l.hostPort()
}

func (l *listener) hostPort() string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

func (b *listeners) addresses() Addresses {
	return Addresses{Public: b.public.url(), Admin: b.admin.url(), GRPC: b.grpc.hostPort()}
}

// close is for those that no server took over; closing one twice does no harm.
func (b *listeners) close() {
	for _, l := range []*listener{b.public, b.admin, b.grpc} {
		if l != nil {
			_ = l.Close() // most are closed already
		}
	}
}
