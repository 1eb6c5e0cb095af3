package auth

// Fill takes all places for checks under way, until leave is called.
func (p *Passwords) Fill() (leave func()) {
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	return func() {
		for range cap(p.slots) {
			<-p.slots
		}
	}
}
