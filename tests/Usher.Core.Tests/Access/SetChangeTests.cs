using FsCheck;
using FsCheck.Fluent;

namespace Usher.Core.Tests.Access;

public sealed class SetChangeTests
{
    private static readonly Gen<(string[] Present, string[] Named, string[] Less)> Any =
        from present in Gen.SubListOf("a", "b", "c", "d") from named in Gen.Elements("a", "b", "c", "d", "e")
            .ListOf() from less in Gen.Elements("a", "c", "f").ListOf()
        select (present.ToArray(), named.ToArray(), less.ToArray());

    [Fact]
    public void Only_what_differs_comes_or_goes_and_each_once() => Check.ForAll(Any, t =>
        new[]
        {
            SetChange.To(t.Named), SetChange.Add(t.Named), SetChange.Remove(t.Named), SetChange.Edit(t.Named, t.Less),
        }.All(change =>
        {
            var (added, removed) = change.Against(t.Present);
            return !added.Intersect(t.Present).Any() && removed.All(t.Present.Contains)
                && added.Distinct().Count() == added.Count && removed.Distinct().Count() == removed.Count;
        }));

    [Fact]
    public void Exactly_leaves_what_is_named() =>
        Check.ForAll(Any, t => After(SetChange.To(t.Named), t.Present).SetEquals(t.Named));

    [Fact]
    public void More_leaves_what_is_there_and_less_leaves_the_rest() => Check.ForAll(Any, t =>
        After(SetChange.Add(t.Named), t.Present).SetEquals(t.Present.Union(t.Named))
            && After(SetChange.Remove(t.Named), t.Present).SetEquals(t.Present.Except(t.Named)));

    [Fact]
    public void Some_more_and_some_less_leave_what_is_in_neither() => Check.ForAll(Any, t =>
        After(SetChange.Edit(t.Named.Except(t.Less).ToList(), t.Less), t.Present)
            .SetEquals(t.Present.Union(t.Named).Except(t.Less)));

    private static HashSet<string> After(SetChange<string> change, string[] present)
    {
        var (added, removed) = change.Against(present);
        return [.. present.Except(removed).Concat(added)];
    }
}
