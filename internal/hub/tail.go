package hub

// A tail holds the newest events of one stream, in blocks, bounded in bytes and count. It is a plain value, guarded
// by its stream's lock.
type tail struct {
	maxEvents, maxBytes int // set once
	blockEvents         int // set once: how many events fill a block

	started bool     // there is a base
	base    uint64   // it holds everything behind base, up to and including last, but for what the log has lost
	last    uint64   //
	blocks  []*block // in order, each beginning where the one before ends
	events  int
	bytes   int
}

// Where no option says otherwise.
const (
	defaultTailEvents = 4096
	defaultTailBytes  = 8 << 20
	maxBlockEvents    = 256
	maxBlockBytes     = 64 << 10
)

func newTail(maxEvents, maxBytes int) tail {
	if maxEvents <= 0 {
		maxEvents = defaultTailEvents
	}
	if maxBytes <= 0 {
		maxBytes = defaultTailBytes
	}
	return tail{maxEvents: maxEvents, maxBytes: maxBytes, blockEvents: min(max(maxEvents/8, 1), maxBlockEvents)}
}

// begin empties the tail; the next event is the one behind last.
func (t *tail) begin(last uint64) {
	*t = tail{maxEvents: t.maxEvents, maxBytes: t.maxBytes, blockEvents: t.blockEvents, started: true, base: last, last: last}
}

// append adds the next event. A sequence further on than the next one says that the log has lost those between.
func (t *tail) append(i item) {
	newest := t.newest()
	if newest == nil || len(newest.items) >= t.blockEvents || newest.bytes >= maxBlockBytes {
		newest = newBlock(t.last)
		newest.items = make([]item, 0, min(t.blockEvents, 16))
		t.blocks = append(t.blocks, newest)
	}
	before := newest.bytes
	newest.append(i)
	t.bytes += newest.bytes - before
	t.events++
	t.last = i.sequence
	for len(t.blocks) > 1 && (t.events > t.maxEvents || t.bytes > t.maxBytes) {
		oldest := t.blocks[0]
		t.blocks[0] = nil
		t.blocks = t.blocks[1:]
		t.events -= len(oldest.items)
		t.bytes -= oldest.bytes
		t.base = oldest.last
	}
}

func (t *tail) newest() *block {
	if len(t.blocks) == 0 {
		return nil
	}
	return t.blocks[len(t.blocks)-1]
}

// block gives the block that holds what comes behind at, which is in [base, last).
func (t *tail) block(at uint64) *block {
	low, high := 0, len(t.blocks)
	for low+1 < high {
		if middle := (low + high) / 2; t.blocks[middle].after <= at {
			low = middle
		} else {
			high = middle
		}
	}
	return t.blocks[low]
}
