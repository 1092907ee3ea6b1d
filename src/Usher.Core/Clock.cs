namespace Usher.Core;

public static class Clock
{
    extension(TimeProvider clock)
    {
        /// <summary>
        /// Now, in UTC and whole milliseconds: what both databases keep, so that an answer given before the commit
        /// equals one read later.
        /// </summary>
        public DateTimeOffset Now() =>
            DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
    }
}
