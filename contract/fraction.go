package contract

import (
	"cmp"
	"math/big"
	"math/bits"
)

// A fraction is a number of a schema.
type fraction struct {
	exact *big.Rat

	// The same where both fit; small tells whether they do.
	small    bool
	negative bool
	num, den uint64
}

func newFraction(r *big.Rat) *fraction {
	f := &fraction{exact: r}
	if num := new(big.Int).Abs(r.Num()); num.IsUint64() && r.Denom().IsUint64() {
		f.small, f.negative, f.num, f.den = true, r.Sign() < 0, num.Uint64(), r.Denom().Uint64()
	}
	return f
}

// A number is one of JSON, compared exactly: as the validator does it where it is long, and without its price, which
// is a heap of allocations, where it has some digits only.
type number struct {
	text []byte

	// It is digits / power, a power of ten, or its negative; small tells whether it is.
	small    bool
	negative bool
	digits   uint64
	power    uint64
}

func newNumber(text []byte) number {
	const most = 18 // digits of any kind fit in 64 bits
	n := number{text: text, power: 1}
	fraction, digits := false, 0
	for _, c := range text {
		switch {
		case c == '-':
			n.negative = true
		case c == '.':
			fraction = true
		case c < '0' || c > '9' || digits == most: // the first is an exponent
			return n
		default:
			digits++
			n.digits = 10*n.digits + uint64(c-'0')
			if fraction {
				n.power *= 10
			}
		}
	}
	n.small = true
	return n
}

// exact is the validator's own way.
func (n *number) exact() *big.Rat {
	r, ok := new(big.Rat).SetString(string(n.text))
	if !ok {
		panic("contract: not a number of JSON: " + string(n.text)) // the decoder has just taken it
	}
	return r
}

func (n *number) isInteger() bool {
	if n.small {
		return n.digits%n.power == 0
	}
	return n.exact().IsInt()
}

func (n *number) compare(f *fraction) int {
	if !n.small || !f.small {
		return n.exact().Cmp(f.exact)
	}
	size := compareProducts(n.digits, f.den, f.num, n.power)
	switch {
	case n.digits == 0 && f.num == 0: // -0 is 0
		return 0
	case n.negative && f.negative:
		return -size
	case n.negative:
		return -1
	case f.negative:
		return 1
	}
	return size
}

// compareProducts compares a·b to c·d.
func compareProducts(a, b, c, d uint64) int {
	high, low := bits.Mul64(a, b)
	otherHigh, otherLow := bits.Mul64(c, d)
	if high != otherHigh {
		return cmp.Compare(high, otherHigh)
	}
	return cmp.Compare(low, otherLow)
}

func (n *number) isMultipleOf(f *fraction) bool {
	if n.small && f.small {
		high, dividend := bits.Mul64(n.digits, f.den)
		otherHigh, divisor := bits.Mul64(f.num, n.power)
		if high == 0 && otherHigh == 0 {
			return dividend%divisor == 0
		}
	}
	return new(big.Rat).Quo(n.exact(), f.exact).IsInt()
}
