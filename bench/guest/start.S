# Entry of the bare-metal benchmarks: M-mode on the first hart, a stack, the program, its checksum on the serial port, power off.
    .option norelax
    .section .text.start
    .globl _start
_start:
    csrr  t0, mhartid
    bnez  t0, sleep
    la    sp, stack_end
    call  run
    call  print
    li    t0, 0x100000      # SiFive test finisher
    li    t1, 0x5555        # power off
    sw    t1, 0(t0)
sleep:
    wfi
    j     sleep

# a0 in hexadecimal on the 16550A at 0x10000000
print:
    li    t0, 0x10000000
    li    t1, 60
1:  srl   t2, a0, t1
    andi  t2, t2, 15
    addi  t3, t2, 48
    li    t4, 10
    blt   t2, t4, 2f
    addi  t3, t2, 87
2:  sb    t3, 0(t0)
    addi  t1, t1, -4
    bgez  t1, 1b
    li    t3, 10
    sb    t3, 0(t0)
    ret

    .bss
    .balign 16
    .skip 65536
stack_end:
