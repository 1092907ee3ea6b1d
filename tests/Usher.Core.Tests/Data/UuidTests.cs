using Usher.Core.Data;

namespace Usher.Core.Tests.Data;

public sealed class UuidTests
{
    private static readonly DateTimeOffset Moment = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_uuid_is_of_version_7_and_carries_its_time()
    {
        // Ahead of every clock that other tests set: an id is never earlier than one this process has made before.
        var time = new DateTimeOffset(2100, 1, 1, 12, 0, 0, TimeSpan.Zero);
        var id = Uuid.Create(time);
        Assert.Equal(7, id.Version);
        Assert.Equal(0b10, id.Variant >> 2);
        Assert.InRange(TimeOf(id) - time, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void Ids_made_in_one_millisecond_or_with_a_clock_that_goes_back_keep_the_order_of_their_making()
    {
        List<byte[]> made = [];
        for (var i = 0; i < 20_000; i++)
            made.Add(Uuid.Create(Moment.AddMilliseconds(i % 7 is 0 ? -i : 0)).ToByteArray(bigEndian: true));
        Assert.All(made.Zip(made.Skip(1)), pair => Assert.True(pair.First.AsSpan().SequenceCompareTo(pair.Second) < 0));
    }

    [Fact]
    public async Task Threads_that_make_ids_at_once_each_get_a_growing_row_of_their_own()
    {
        var rows = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            Task.Run(() => Enumerable.Range(0, 10_000).Select(_ => Uuid.Create(Moment)).ToList())));
        Assert.All(rows, row => Assert.All(row.Zip(row.Skip(1)), pair => Assert.True(pair.First < pair.Second)));
        Assert.Equal(80_000, rows.SelectMany(row => row).Select(First64).Distinct().Count());
        Assert.All(rows.SelectMany(row => row), id => Assert.Equal(7, id.Version));
    }

    // What two processes differ in is the random rest.
    [Fact]
    public void The_last_62_bits_are_random()
    {
        var seen = Enumerable.Range(0, 10_000)
            .Select(_ => BitConverter.ToUInt64(Uuid.Create(Moment).ToByteArray(bigEndian: true), 8)).ToList();
        Assert.Equal(seen.Count, seen.Distinct().Count());
    }

    private static DateTimeOffset TimeOf(Guid id) => DateTimeOffset.FromUnixTimeMilliseconds((long)(First64(id) >> 16));

    private static ulong First64(Guid id) =>
        System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(id.ToByteArray(bigEndian: true));
}
