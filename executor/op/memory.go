package op

import "streamdb/executor"

// memory is what one operator has reserved or reported with its accountant.
type memory struct {
	acc  *executor.Accountant
	held int64
}

// grow reserves more: for bounded runs, which fail with 53200 beyond the budget.
func (m *memory) grow(n int64) error {
	if err := m.acc.Grow(int(n)); err != nil {
		return err
	}
	m.held += n
	return nil
}

// growTo reserves what is missing to total.
func (m *memory) growTo(total int64) error {
	if total <= m.held {
		return nil
	}
	return m.grow(total - m.held)
}

// report tells what a job's operator holds now; never refused.
func (m *memory) report(total int64) {
	m.acc.Add(int(total - m.held))
	m.held = total
}

// release gives everything back.
func (m *memory) release() { m.report(0) }

// operatorMemory is how much one stateful operator of a job keeps in memory
// before it sheds clean state, also when the process as a whole is not short.
const operatorMemory = 1 << 30

// over reports whether an operator of a job should shed what it can.
func (m *memory) over() bool { return m.held > operatorMemory || m.acc.Over() }

// shed says how many of the bytes that an operator of a job reported should be
// free, when it is about to hold more: see Accountant.Shed. Eviction begins there;
// memory is given back once over says so.
func (m *memory) shed(more int64) int64 {
	shed := m.acc.Shed(m.held, more)
	if beyond := m.held + more - operatorMemory; beyond > 0 {
		shed = max(shed, beyond+operatorMemory/8)
	}
	return min(shed, m.held)
}
