namespace Usher.Core.Jobs;

/// <summary>Wakes the worker that runs jobs.</summary>
public sealed class JobDoorbell : Doorbell;
