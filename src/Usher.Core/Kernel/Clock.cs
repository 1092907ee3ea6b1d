namespace Usher.Core;

public static class Clock
{
    extension(TimeProvider clock)
    {
        /// <summary>
        /// The current time in UTC and whole milliseconds, the precision of both databases. A value returned before the
        /// commit therefore equals the value read later.
        /// </summary>
        public DateTimeOffset Now() =>
            DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
    }
}
