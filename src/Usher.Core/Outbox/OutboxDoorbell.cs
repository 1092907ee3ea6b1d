namespace Usher.Core.Outbox;

/// <summary>Wakes the worker that sends mail.</summary>
public sealed class OutboxDoorbell : Doorbell;
