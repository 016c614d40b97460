# Entry of the agent, and the one call that C cannot express: starting a child that shares memory until it runs a program.

	.section .text.start, "ax"
	.globl _start
_start:
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	mv	a0, sp
	andi	sp, sp, -16
	tail	agent_main

# long spawn(void (*child)(void *), void *argument, void *stack_top)
# clone(CLONE_VM | CLONE_VFORK | SIGCHLD): the caller sleeps until the child has executed a program or exited, so one stack will do
# for all children, and no page table is copied.
	.section .text.spawn, "ax"
	.globl spawn
spawn:
	mv	t0, a0
	mv	t1, a1
	li	a0, 0x4111
	mv	a1, a2
	li	a2, 0
	li	a3, 0
	li	a4, 0
	li	a7, 220
	ecall
	beqz	a0, 1f
	ret
1:	mv	a0, t1
	jr	t0

	.section .note.GNU-stack, "", @progbits
