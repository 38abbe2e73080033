package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	telemetryv1 "github.com/leatstream/leat/examples/grpc-telemetry/telemetry/v1"
)

// absurd is what a broken sensor shows: below absolute zero.
const absurd = -999

// A fleet is devices whose temperatures wander.
type fleet struct{ celsius []float64 }

func newFleet(devices int) *fleet {
	f := &fleet{make([]float64, devices)}
	for i := range f.celsius {
		f.celsius[i] = 15 + 10*rand.Float64()
	}
	return f
}

// read takes reading number n: the devices take turns. Every other device runs on a battery.
func (f *fleet) read(n int, now time.Time) *telemetryv1.Reading {
	device := n % len(f.celsius)
	f.celsius[device] += (20-f.celsius[device])/100 + rand.NormFloat64()/10
	reading := &telemetryv1.Reading{
		Device:  fmt.Sprint("device-", device+1),
		When:    timestamppb.New(now),
		Celsius: f.celsius[device],
		Status:  telemetryv1.Reading_STATUS_OK.Enum(),
	}
	if device%2 == 0 {
		empty := int32(n/len(f.celsius)/100) % 101
		reading.Battery = new(100 - empty)
		if *reading.Battery < 10 {
			reading.Status = telemetryv1.Reading_STATUS_DEGRADED.Enum()
		}
	}
	return reading
}

// A pace says when each reading is due.
type pace struct {
	start time.Time
	every time.Duration // 0: at once
	timer *time.Timer
}

func newPace(rate float64) *pace {
	p := &pace{start: time.Now(), timer: time.NewTimer(0)}
	if rate > 0 {
		p.every = time.Duration(float64(time.Second) / rate)
	}
	return p
}

// wait waits until reading number n is due; false when ctx ends before.
func (p *pace) wait(ctx context.Context, n int) bool {
	due := time.Until(p.start.Add(time.Duration(n) * p.every))
	if due <= 0 {
		return ctx.Err() == nil
	}
	p.timer.Reset(due)
	select {
	case <-ctx.Done():
		return false
	case <-p.timer.C:
		return true
	}
}
