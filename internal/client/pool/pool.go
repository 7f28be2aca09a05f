// Package pool bounds how much a process does at once, however many commands and objects there are.
//
// Who has a task waits until a worker is free, so that a listing never runs far ahead of the work that it finds.
package pool

import (
	"context"
	"sync"
)

// A Pool has a number of workers. It is safe for concurrent use.
type Pool struct{ slots chan struct{} }

// New returns a pool of n workers.
func New(n int) *Pool { return &Pool{make(chan struct{}, n)} }

// Size is the number of workers.
func (p *Pool) Size() int { return cap(p.slots) }

// Group returns a group of tasks that can be waited for.
func (p *Pool) Group() *Group { return &Group{pool: p} }

// A Group is the tasks of one command. Tasks must not start others.
type Group struct {
	pool *Pool
	wg   sync.WaitGroup
}

// Go runs a task as soon as a worker is free, for which it waits. It fails, without the task, if the context ends first.
func (g *Group) Go(ctx context.Context, task func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case g.pool.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	g.wg.Go(func() {
		defer func() { <-g.pool.slots }()
		task()
	})
	return nil
}

// Wait returns when all tasks are done.
func (g *Group) Wait() { g.wg.Wait() }
