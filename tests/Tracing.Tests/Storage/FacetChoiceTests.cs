using Tracing.Storage;
using Tracing.Storage.TraceQl;
using Xunit;

namespace Tracing.Tests;

public sealed class FacetChoiceTests
{
    readonly List<SampledKey> _keys = [];
    readonly Dictionary<(string Key, string Value), double> _elsewhere = [];

    [Fact]
    public void What_differs_most_from_elsewhere_comes_first()
    {
        for (var i = 0; i < 80; i++)
            Add($"noise{i:d2}", ("a", 26, 0.5), ("b", 24, 0.5));
        Add("region", ("west", 49, 0.1), ("east", 1, 0.5));
        Add("zone", ("z", 30, 0.3), ("y", 20, 0.7));
        Assert.Equal(["region", "zone"], Choose(50).Take(2));
        Assert.Equal(FacetChoice.MaxApart, Choose(50).Count);
    }

    [Fact]
    public void What_all_share_and_others_do_not_is_before_all_else_and_what_is_the_same_everywhere_comes_last()
    {
        Add("constant", ("same", 50, 1));
        Add("nearly", ("n", 50, 0.97));
        Add("apart", ("most", 49, 0));
        Add("shared", ("s", 50, 0.6));
        Add("rare", ("r", 50, 0.1));
        Assert.Equal(["rare", "shared", "apart", "constant", "nearly"], Choose(50));
    }

    [Fact]
    public void Constants_do_not_crowd_out_what_differs()
    {
        for (var i = 0; i < 100; i++)
            Add($"constant{i:d2}", ("same", 50, i % 2 == 0 ? 1 : 0.8));
        Add("region", ("west", 49, 0.1), ("east", 1, 0.5));
        var chosen = Choose(50);
        Assert.Contains("region", chosen);
        Assert.Equal(FacetChoice.MaxChosen, chosen.Count);
    }

    [Fact]
    public void Ids_come_last_however_few_spans_there_are()
    {
        Add("id", [.. Enumerable.Range(0, 3).Select(n => ($"{n}", 1.0, 0.0))]);
        Add("zone", ("z", 2, 0.65), ("y", 1, 0.35));
        Assert.Equal(["zone", "id"], Choose(3));
    }

    [Fact]
    public void Many_values_are_chosen_only_for_one_that_is_frequent()
    {
        Add("many", 1000, ("a", 2, 0), ("b", 1, 0));
        Add("bots", 1000, ("bot", 600, 0.01), ("b", 1, 0));
        Assert.Equal(["bots"], Choose(1000));
    }

    [Fact]
    public void Without_others_to_compare_with_few_values_of_many_spans_are_chosen()
    {
        Add("few", ("a", 10, 0), ("b", 5, 0));
        Add("all", ("a", 50, 0));
        Add("frequent", ("a", 25, 0), ("b", 20, 0));
        Add("many", 33, ("a", 20, 0), ("b", 15, 0));
        Assert.Equal(["frequent", "few", "all"], Choose(50, isAlone: true));
    }

    [Fact]
    public void No_keys_are_no_facets() => Assert.Empty(Choose(0));

    void Add(string key, params (string Value, double Spans, double Elsewhere)[] values) =>
        Add(key, values.Length, values);

    void Add(string key, long distinct, params (string Value, double Spans, double Elsewhere)[] values)
    {
        foreach (var (value, _, elsewhere) in values)
            _elsewhere[(key, value)] = elsewhere;
        _keys.Add(new SampledKey(new SpanKey(KeyScope.Span, key), distinct,
            values.Length > 1 && values.All(value => value.Spans == 1), values.Sum(value => value.Spans),
            [.. values.Select(value => new ValueCount(value.Value, KeyType.String, KeyScope.Span, value.Spans))]));
    }

    List<string> Choose(double spans, bool isAlone = false) =>
        FacetChoice.Choose(_keys, spans, isAlone ? null : (key, value) => _elsewhere[(key.Name, value.Value)])
            .ConvertAll(key => key.Name);
}
