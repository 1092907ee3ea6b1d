using Usher.Core.Data;
namespace Usher.Core;

/// <summary>
/// Creates version 7 UUIDs. Those of one process are in order of creation, even within a millisecond, so that ordering
/// by id is ordering by creation.
/// </summary>
public static class Uuid
{
    private static long last;

    /// <summary>The lowest possible UUID for an instant.</summary>
    public static Guid Floor(DateTimeOffset instant)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(
            bytes, Math.Max(0, instant.ToUnixTimeMilliseconds()) << 16);
        return new Guid(bytes, bigEndian: true);
    }

    public static Guid Create(DateTimeOffset now)
    {
        // The upper 48 bits are the time. The next 12 (rand_a in RFC 9562) are a counter. UUIDs of different processes
        // differ in the 62 random bits.
        var wanted = now.ToUnixTimeMilliseconds() << 12;
        long seen, next;
        do
        {
            seen = Volatile.Read(ref last);
            next = Math.Max(wanted, seen + 1);
        }
        while (Interlocked.CompareExchange(ref last, next, seen) != seen);

        Span<byte> bytes = stackalloc byte[16];
        Guid.CreateVersion7(DateTimeOffset.FromUnixTimeMilliseconds(next >> 12))
            .TryWriteBytes(bytes, bigEndian: true, out _);
        bytes[6] = (byte)(0x70 | ((next >> 8) & 0x0f));
        bytes[7] = (byte)next;
        return new Guid(bytes, bigEndian: true);
    }
}
