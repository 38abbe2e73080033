package demo

import (
	"context"
	"math"
	stdnet "net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/event"
	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"
)

// A reading is what the machine does at one moment. What the operating system does not tell is nil.
type reading struct {
	Device  string    `json:"device"`
	When    time.Time `json:"when"`
	CPU     *load     `json:"cpu,omitempty"`
	Memory  *share    `json:"memory,omitempty"`
	Network *traffic  `json:"network,omitempty"`
	Disk    *transfer `json:"disk,omitempty"`
	Space   *share    `json:"space,omitempty"`
}

type load struct {
	Percent float64   `json:"percent"`
	Cores   []float64 `json:"cores"`
}

type share struct {
	UsedBytes  uint64 `json:"usedBytes"`
	TotalBytes uint64 `json:"totalBytes"`
}

// traffic is in bytes per second, as transfer is; as a counter it is in bytes since the machine started.
type traffic struct {
	Received float64 `json:"received"`
	Sent     float64 `json:"sent"`
	Local    float64 `json:"local"` // over the loopback interface
}

type transfer struct {
	Read    float64 `json:"read"`
	Written float64 `json:"written"`
}

// readingInterval is short enough for a chart to move, and long enough for the processor's clock ticks (10 ms on Linux)
// to give percentages.
const readingInterval = 500 * time.Millisecond

func (d *Demo) publishTelemetry(ctx context.Context, server *leat.Server) error {
	m := newMeter(d.Settings.Data)
	p := &producer{server: server, stream: "telemetry", logger: d.Logger}
	pause := func() time.Duration { return time.Until(m.at.Add(readingInterval)) }
	return p.run(ctx, pause, func() leat.Event {
		r := m.read()
		return leat.Event{Type: "reading", Time: r.When, Data: r}
	})
}

// A meter reads the machine, and remembers the counters of the time before: rates are what lies between.
type meter struct {
	device, folder string

	at      time.Time
	network *traffic
	disk    *transfer
}

// newMeter makes the meter of the machine that it runs on; folder is on the disk whose space it tells.
func newMeter(folder string) *meter {
	m := &meter{device: "this-machine", folder: folder}
	if name, err := os.Hostname(); err == nil {
		if key, err := event.ParseKey(name); err == nil {
			m.device = key.String()
		}
	}
	m.read()
	return m
}

func (m *meter) read() reading {
	now, network, disks := time.Now(), networkCounters(), diskCounters()
	seconds := now.Sub(m.at).Seconds()
	r := reading{
		Device: m.device,
		When:   now.UTC().Truncate(time.Millisecond),
		CPU:    processorLoad(),
		Memory: memoryUse(),
		Space:  spaceUse(m.folder),
	}
	if network != nil && m.network != nil {
		r.Network = &traffic{
			Received: rate(network.Received, m.network.Received, seconds),
			Sent:     rate(network.Sent, m.network.Sent, seconds),
			Local:    rate(network.Local, m.network.Local, seconds),
		}
	}
	if disks != nil && m.disk != nil {
		r.Disk = &transfer{
			Read:    rate(disks.Read, m.disk.Read, seconds),
			Written: rate(disks.Written, m.disk.Written, seconds),
		}
	}
	m.at, m.network, m.disk = now, network, disks
	return r
}

// rate is zero where a counter went back: an interface or a disk is gone, and took its bytes along.
func rate(now, before, seconds float64) float64 {
	return max(0, math.Round((now-before)/seconds))
}

// processorLoad is since the call before, which the library remembers.
func processorLoad() *load {
	cores, err := cpu.Percent(0, true)
	if err != nil || len(cores) == 0 {
		return nil
	}
	sum := 0.0
	for i, percent := range cores {
		cores[i] = tenth(min(max(percent, 0), 100))
		sum += cores[i]
	}
	return &load{Percent: tenth(sum / float64(len(cores))), Cores: cores}
}

func tenth(x float64) float64 { return math.Round(x*10) / 10 }

func memoryUse() *share {
	memory, err := mem.VirtualMemory()
	if err != nil || memory.Total == 0 {
		return nil
	}
	// What the system could give to a program is not used, whatever it keeps there meanwhile.
	return &share{UsedBytes: memory.Total - min(memory.Available, memory.Total), TotalBytes: memory.Total}
}

func spaceUse(folder string) *share {
	usage, err := disk.Usage(folder)
	if err != nil || usage.Total == 0 {
		return nil
	}
	return &share{UsedBytes: usage.Used, TotalBytes: usage.Total}
}

func networkCounters() *traffic {
	counters, err := net.IOCounters(true)
	if err != nil || len(counters) == 0 {
		return nil
	}
	loopback := make(map[string]bool)
	if interfaces, err := stdnet.Interfaces(); err == nil {
		for _, i := range interfaces {
			loopback[i.Name] = i.Flags&stdnet.FlagLoopback != 0
		}
	}
	var all traffic
	for _, c := range counters {
		if loopback[c.Name] {
			all.Local += float64(c.BytesSent) // and received, the same bytes
			continue
		}
		all.Received += float64(c.BytesRecv)
		all.Sent += float64(c.BytesSent)
	}
	return &all
}

func diskCounters() *transfer {
	counters, err := disk.IOCounters()
	if err != nil {
		return nil
	}
	var all transfer
	found := false
	for name, c := range counters {
		if isDisk(name) {
			found = true
			all.Read += float64(c.ReadBytes)
			all.Written += float64(c.WriteBytes)
		}
	}
	if !found {
		return nil
	}
	return &all
}

// isDisk leaves out what Linux lists beside the disks: their partitions, and what is made of them. All of that would
// count the same bytes again.
func isDisk(name string) bool {
	if runtime.GOOS != "linux" {
		return true
	}
	_, err := os.Stat(filepath.Join("/sys/block", name, "device"))
	return err == nil
}
