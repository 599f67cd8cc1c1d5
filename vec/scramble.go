package vec

// Scramble overwrites the values of a column, for tests of who still reads it.
func (v Vec) Scramble() {
	for i := range v.I64 {
		v.I64[i] = -0x5a5a5a5a5a5a5a5a
	}
	for i := range v.F64 {
		v.F64[i] = -5.5e55
	}
	for i := range v.Bool {
		v.Bool[i] = !v.Bool[i]
	}
	for i := range v.Data {
		v.Data[i] = 'Z'
	}
}
