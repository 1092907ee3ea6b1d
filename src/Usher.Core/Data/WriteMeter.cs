using System.Diagnostics.Metrics;

namespace Usher.Core.Data;

/// <summary>Counts writes that bypass EF's commands, which have their own telemetry.</summary>
public sealed class WriteMeter : IDisposable
{
    public const string Name = "Usher.Database";

    private readonly Meter meter = new(Name);
    private readonly Counter<long> commits;
    private readonly Counter<long> batches;
    private readonly Counter<long> rows;

    public WriteMeter()
    {
        commits = meter.CreateCounter<long>(
            "usher.database.commits", "{commit}",
            "Commits of rows written past EF; on SQLite several callers share one.");
        batches = meter.CreateCounter<long>(
            "usher.database.batches", "{batch}", "Batches of rows written past EF, one per save.");
        rows = meter.CreateCounter<long>("usher.database.rows", "{row}", "Rows written past EF.");
    }

    /// <summary>Whether an instrument belongs to this meter.</summary>
    public bool Owns(Instrument instrument) => instrument.Meter == meter;

    public void Dispose() => meter.Dispose();

    internal void Commit() => commits.Add(1);

    internal void Batch(int count)
    {
        batches.Add(1);
        rows.Add(count);
    }
}
