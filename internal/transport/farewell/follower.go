package farewell

import "golang.org/x/net/http2"

const (
	headerSize = 9       // RFC 9113, section 4.1
	resetSize  = 9 + 4   // section 6.4
	maxFrame   = 1 << 14 // what every client takes, section 4.2
)

// A follower knows where in a row of frames a connection is.
type follower struct {
	left int32 // of the frame that has begun
	have int8  // of head
	more bool  // CONTINUATION must follow, and nothing else
	head [headerSize]byte
}

// follow takes note of what has passed.
func (f *follower) follow(p []byte) {
	for len(p) > 0 {
		switch {
		case f.left > 0:
			n := min(int(f.left), len(p))
			f.left -= int32(n)
			p = p[n:]
		case f.have == 0 && len(p) >= headerSize:
			f.begin(p)
			p = p[headerSize:]
		default:
			n := copy(f.head[f.have:], p)
			f.have += int8(n)
			p = p[n:]
			if f.have == headerSize {
				f.have = 0
				f.begin(f.head[:])
			}
		}
	}
}

func (f *follower) begin(head []byte) {
	f.left, f.more = int32(size(head)), continues(head)
}

// between tells whether another frame could be put here.
func (f *follower) between() bool { return f.left == 0 && f.have == 0 && !f.more }

// next gives how much of p belongs to the frame that has begun; 0 where none has.
func (f *follower) next(p []byte) int {
	if f.have == 0 {
		return min(int(f.left), len(p))
	}
	rest := headerSize - int(f.have)
	if len(p) < rest {
		return len(p)
	}
	after := *f
	after.follow(p[:rest])
	return min(rest+int(after.left), len(p))
}

func size(head []byte) int { return int(head[0])<<16 | int(head[1])<<8 | int(head[2]) }

func kind(head []byte) http2.FrameType { return http2.FrameType(head[3]) }

// stream gives the stream that a frame is of.
func stream(head []byte) uint32 {
	return uint32(head[5]&0x7f)<<24 | uint32(head[6])<<16 | uint32(head[7])<<8 | uint32(head[8])
}

func endsStream(head []byte) bool {
	return kind(head) == http2.FrameHeaders && http2.Flags(head[4]).Has(http2.FlagHeadersEndStream)
}

// continues tells whether the block of a frame's headers goes on in another frame.
func continues(head []byte) bool {
	switch kind(head) {
	case http2.FrameHeaders, http2.FrameContinuation:
		return !http2.Flags(head[4]).Has(http2.FlagHeadersEndHeaders)
	default:
		return false
	}
}
