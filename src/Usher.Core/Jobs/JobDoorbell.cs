namespace Usher.Core.Jobs;

/// <summary>Wakes the worker that does jobs.</summary>
public sealed class JobDoorbell : Doorbell;
