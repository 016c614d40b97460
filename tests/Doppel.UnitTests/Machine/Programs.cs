namespace Doppel.UnitTests.Machine;

/// <summary>Bare-metal programs, as GNU assembler source.</summary>
internal static class Programs
{
    /// <summary>M-mode: prints a text on the UART and switches the machine off through the finisher.</summary>
    public const string Hello = """
        _start: csrr t0, mhartid
                bnez t0, park
                la a0, text
                li a1, 0x10000000
        1:      lbu t0, (a0)
                beqz t0, 2f
                sb t0, (a1)
                addi a0, a0, 1
                j 1b
        2:      li t0, 0x5555
                li t1, 0x100000
                sw t0, (t1)
        park:   wfi
                j park
        text:   .asciz "hello from bare metal\n"
        """;

    /// <summary>
    /// M-mode: sets mtime and looks whether the time CSR follows, then sets it to stimecmp and looks whether that raises STIP, and back. Passes or
    /// fails with the number of the step by the finisher.
    /// </summary>
    public const string SetsTheTime = """
        _start: li s0, 0x200bff8
                li s1, 0x123456789abcdef
                sd s1, (s0)
                csrr a0, time
                li s2, 1
                bltu a0, s1, fail
                sub a0, a0, s1
                srli a0, a0, 32
                li s2, 2
                bnez a0, fail
                li t0, 1 << 63
                csrs menvcfg, t0
                li t0, 1 << 60
                add s1, s1, t0
                csrw 0x14d, s1
                csrr a0, mip
                andi a0, a0, 0x20
                li s2, 3
                bnez a0, fail
                sd s1, (s0)
                csrr a0, mip
                andi a0, a0, 0x20
                li s2, 4
                beqz a0, fail
                sd zero, (s0)
                csrr a0, mip
                andi a0, a0, 0x20
                li s2, 5
                bnez a0, fail
                li t0, 0x5555
        end:    li t1, 0x100000
                sw t0, (t1)
        1:      wfi
                j 1b
        fail:   slli t0, s2, 16
                li t1, 0x3333
                or t0, t0, t1
                j end
        """;

    /// <summary>M-mode: sends back what it receives, each byte plus one, until it receives an 'x'.</summary>
    public const string Echo = """
        _start: li a1, 0x10000000
        1:      lbu t0, 5(a1)
                andi t0, t0, 1
                beqz t0, 1b
                lbu t0, (a1)
                li t1, 'x'
                beq t0, t1, 2f
                addi t0, t0, 1
                sb t0, (a1)
                j 1b
        2:      li t0, 0x5555
                li t1, 0x100000
                sw t0, (t1)
        3:      j 3b
        """;

    /// <summary>M-mode: counts in a register for ever.</summary>
    public const string Spin = """
        _start: addi s0, s0, 1
                j _start
        """;

    /// <summary>M-mode: prints a letter and reboots.</summary>
    public const string Reboot = """
        _start: li a1, 0x10000000
                li t0, 'R'
                sb t0, (a1)
                li t0, 0x7777
                li t1, 0x100000
                sw t0, (t1)
        1:      j 1b
        """;

    /// <summary>M-mode: ends the run through tohost with status 42, and would end it with 1 if it went on.</summary>
    public const string ToHost = """
        _start: la a0, tohost
                li t0, (42 << 1) | 1
                sd t0, (a0)
                li t0, (1 << 1) | 1
                sd t0, (a0)
        1:      j 1b
                .data
                .align 3
        tohost: .dword 0
        fromhost: .dword 0
                .globl tohost, fromhost
        """;

    /// <summary>M-mode: prints through the HTIF console device and a write system call, adds to tohost's page, and ends with status 3.</summary>
    public const string HtifConsole = """
        _start: la a0, tohost
                li t0, (1 << 56) | (1 << 48) | 'A'
                sd t0, (a0)
        1:      ld t1, (a0)
                bnez t1, 1b
                la t0, call
                sd t0, (a0)
                la a1, fromhost
        2:      ld t1, (a1)
                beqz t1, 2b
                ld t2, call
                la t3, other
                li t4, 5
                amoadd.d zero, t4, (t3)
                ld t4, (t3)
                sub t2, t2, t4
                slli t2, t2, 1
                ori t2, t2, 1
                amoswap.d zero, t2, (a0)
        3:      j 3b
                .data
                .align 3
        tohost: .dword 0
        fromhost: .dword 0
        call:   .dword 64, 1, text, 8
        other:  .dword 0
        text:   .ascii "BCDEFGH\n"
                .globl tohost, fromhost
        """;

    /// <summary>S-mode on several harts: hart 0 starts the others through HSM, interrupts them, sees each answer and stop, and prints.</summary>
    public const string StartHarts = """
        _start: mv s0, a0
                la t0, started
                li t1, 1
        1:      li a7, 0x48534D
                li a6, 0
                mv a0, t1
                la a1, second
                mv a2, t1
                ecall
                bnez a0, 2f
                addi t1, t1, 1
                j 1b
        2:      addi s1, t1, -1
        3:      ld t2, (t0)
                bne t2, s1, 3b
                li a7, 0x735049
                li a6, 0
                li a0, 0
                li a1, -1
                ecall
                li s2, 1
        4:      bgt s2, s1, 5f
                li a7, 0x48534D
                li a6, 2
                mv a0, s2
                ecall
                li t2, 1
                bne a1, t2, 4b
                addi s2, s2, 1
                j 4b
        5:      addi a0, s1, '0'
                li a7, 1
                ecall
                li a7, 0x53525354
                li a6, 0
                li a0, 0
                li a1, 0
                ecall
        second: bne a0, a1, fail
                li t0, 2
                csrs sie, t0
                la t0, started
                li t1, 1
                amoadd.d zero, t1, (t0)
        1:      wfi
                csrr t0, sip
                andi t0, t0, 2
                beqz t0, 1b
                li a7, 0x48534D
                li a6, 1
                ecall
        fail:   j fail
                .data
                .align 3
        started: .dword 0
        """;

    /// <summary>S-mode: a timer interrupt every 1,000 ticks of time; prints a letter at each of ten and the time at the end, then switches off.</summary>
    public const string Ticks = """
        _start: la t0, trap
                csrw stvec, t0
                li t0, 0x20
                csrs sie, t0
                li s0, 10
                rdtime s1
        1:      addi s1, s1, 1000
                mv a0, s1
                li a7, 0x54494D45
                li a6, 0
                ecall
        2:      wfi
                csrsi sstatus, 2
                csrci sstatus, 2
                beqz s2, 2b
                li s2, 0
                li a7, 1
                li a0, 't'
                ecall
                addi s0, s0, -1
                bnez s0, 1b
                rdtime s3
                li s4, 16
        3:      srli a0, s3, 60
                slli s3, s3, 4
                addi a0, a0, 'a'
                li a7, 1
                ecall
                addi s4, s4, -1
                bnez s4, 3b
                li a7, 8
                ecall
                .align 2
        trap:   li s2, 1
                li t1, -1
                csrw 0x14d, t1
                sret
        """;

    /// <summary>S-mode: writes the device tree that a1 points to to the console, byte by byte as two letters from 'a', and switches off.</summary>
    public const string DumpDeviceTree = """
        _start: mv s0, a1
                li s1, 0
                li s2, 4
                addi s3, s0, 4
        1:      lbu t0, (s3)
                slli s1, s1, 8
                add s1, s1, t0
                addi s3, s3, 1
                addi s2, s2, -1
                bnez s2, 1b
        2:      lbu s4, (s0)
                srli a0, s4, 4
                addi a0, a0, 'a'
                li a7, 1
                ecall
                andi a0, s4, 15
                addi a0, a0, 'a'
                li a7, 1
                ecall
                addi s0, s0, 1
                addi s1, s1, -1
                bnez s1, 2b
                li a7, 8
                ecall
        """;
}
