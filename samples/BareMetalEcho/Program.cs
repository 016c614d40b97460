// Starts a RISC-V machine from a program of 17 instructions, talks to it over its serial port, and waits until it switches off.
// Usage: dotnet run --project samples/BareMetalEcho -- "some text"
using System.Runtime.InteropServices;
using Doppel;

// The guest sends back what it receives, small letters as capitals, and powers off when it receives Ctrl-D.
uint[] program =
[
    0x1000_05B7, //         lui  a1, 0x10000      # the UART
    0x0055_C283, // wait:   lbu  t0, 5(a1)        # line status: is there a character?
    0x0012_F293, //         andi t0, t0, 1
    0xFE02_8CE3, //         beqz t0, wait
    0x0005_C283, //         lbu  t0, 0(a1)        # take it
    0x0040_0313, //         li   t1, 4            # Ctrl-D?
    0x0062_8C63, //         beq  t0, t1, off
    0x0610_0313, //         li   t1, 'a'
    0x0062_E463, //         bltu t0, t1, send
    0x0DF2_F293, //         andi t0, t0, 0xDF     # capital letter
    0x0055_8023, // send:   sb   t0, 0(a1)
    0xFD9F_F06F, //         j    wait
    0x0010_0337, // off:    lui  t1, 0x100        # the test finisher
    0x0000_52B7, //         lui  t0, 0x5
    0x5552_8293, //         addi t0, t0, 0x555    # 0x5555: pass
    0x0053_2023, //         sw   t0, 0(t1)
    0x0000_006F, // rest:   j    rest
];

string text = args.Length > 0 ? args[0] : "hello, machine";
string kernel = Path.GetTempFileName();
try
{
    await File.WriteAllBytesAsync(kernel, MemoryMarshal.AsBytes<uint>(program).ToArray());
    VirtualMachineConfig config = new()
    {
        KernelPath = kernel,
        Firmware = FirmwareChoice.None,
        MemoryBytes = 32 << 20,
        Timeout = TimeSpan.FromMinutes(1),
    };

    await using VirtualMachine vm = await VirtualMachine.StartAsync(config);
    await vm.Console.WriteAsync(text);
    string answer = await vm.Console.ExpectAsync(text.ToUpperInvariant(), TimeSpan.FromSeconds(30));
    Console.WriteLine($"The machine answered: {answer}");

    await vm.Console.WriteAsync("\u0004");
    VirtualMachineExit exit = await vm.WaitForExitAsync();
    Console.WriteLine($"It ended with {exit.Reason} after {vm.GetStatistics().Instructions} instructions.");
    return exit.Reason == VirtualMachineExitReason.PowerOff ? 0 : 1;
}
finally
{
    File.Delete(kernel);
}
