using System.Globalization;
using Tracing.Model;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.EdgeLinkerTests;

namespace Tracing.Tests;

/// <summary>Spans are written "id parent service kind", then attributes, and links as "link=id".</summary>
public sealed class EdgeLayersTests
{
    [Theory]
    [InlineData("shop>postgresql 1", "1 0 shop Client db.system=postgresql", "2 1 shop Internal",
        "3 2 shop Client db.system=postgresql")]
    [InlineData("shop>postgresql 1", "1 0 shop Client db.system=postgresql", "2 1 shop Unspecified",
        "3 2 shop Internal", "4 3 shop Client db.system.name=postgresql")]
    [InlineData("shop>b 1", "1 0 shop Client peer.service=b", "2 1 shop Internal", "3 2 shop Client", "4 3 b Server")]
    [InlineData("shop>b 1", "1 0 shop Client peer.service=b", "2 1 shop Internal", "3 2 b Server")]
    [InlineData("shop>elasticsearch 1", "1 0 shop Client db.system=elasticsearch", "2 1 shop Internal",
        "3 2 shop Client server.address=es1")]
    [InlineData("shop>stripe 1", "1 0 shop Client peer.service=stripe",
        "2 1 shop Client server.address=api.stripe.com")]
    [InlineData("shop>b 1", "1 0 shop Client peer.service=b", "2 1 shop Client server.address=10.0.0.9")]
    [InlineData("shop>real 1", "1 0 shop Client server.address=10.0.0.9", "2 1 shop Client", "3 2 real Server")]
    [InlineData("shop>kafka/orders 1", "1 0 shop Producer messaging.system=kafka messaging.destination.name=orders",
        "2 1 shop Internal", "3 2 shop Producer messaging.system=kafka messaging.destination.name=orders")]
    public void Layers_of_one_call_count_once_through_what_stands_between(string edges, params string[] spans) =>
        AreInAnyOrder(edges, spans);

    [Theory]
    [InlineData("shop>postgresql 1, shop>redis 1", "1 0 shop Client db.system=postgresql",
        "2 1 shop Client db.system=redis")]
    [InlineData("shop>postgresql 1, shop>redis 1", "1 0 shop Client db.system=postgresql", "2 1 shop Internal",
        "3 2 shop Client db.system=redis")]
    [InlineData("shop>mysql/a 1, shop>mysql/b 1", "1 0 shop Client db.system=mysql db.name=a",
        "2 1 shop Client db.system=mysql db.name=b")]
    [InlineData("shop>auth 1, shop>b 1", "1 0 shop Client peer.service=b", "2 1 shop Client peer.service=auth")]
    [InlineData("shop>auth 1, shop>b 1", "1 0 shop Client", "2 1 b Server", "3 1 shop Client server.address=auth")]
    [InlineData("shop>auth 1, shop>b 1", "1 0 shop Client peer.service=b", "2 1 shop Client", "3 2 auth Server")]
    [InlineData("shop>b 1, shop>redis 1", "1 0 shop Client peer.service=b", "2 1 shop Client db.system=redis")]
    public void Calls_to_two_callees_are_two_though_one_is_within_the_other(string edges, params string[] spans) =>
        AreInAnyOrder(edges, spans);

    [Theory]
    [InlineData("send>work 1", "1 0 send Producer messaging.system=kafka", "2 1 work Consumer",
        "3 2 work Consumer link=1")]
    [InlineData("send>work 1", "1 0 send Producer", "2 0 work Consumer link=1", "3 2 work Internal",
        "4 3 work Consumer link=1")]
    [InlineData("send>work 1", "1 0 send Producer", "2 0 work Client messaging.system=kafka",
        "3 2 work Consumer link=1")]
    [InlineData("send>work 1", "1 0 send Producer", "2 0 work Internal", "3 2 work Consumer link=1",
        "4 2 work Consumer link=1")]
    [InlineData("send>work 1", "1 0 send Producer", "2 0 work Consumer link=1", "3 0 work Consumer link=1")]
    [InlineData("send>mail 1, send>work 1", "1 0 send Producer", "2 0 work Consumer link=1",
        "3 0 mail Consumer link=1")]
    [InlineData("send>work 2", "1 0 send Producer", "2 0 send Producer", "3 0 work Consumer link=1 link=2 link=1",
        "4 3 work Consumer link=1", "5 0 work Consumer link=2")]
    [InlineData("send>work 1", "1 0 send Producer", "2 1 send Producer", "3 2 work Consumer link=2")]
    [InlineData("work>work 1", "1 0 work Producer", "2 1 work Consumer link=1", "3 2 work Consumer")]
    [InlineData("", "1 0 work Internal", "2 1 work Consumer", "3 2 work Internal", "4 3 work Consumer")]
    [InlineData("", "1 0 work Server", "2 1 work Consumer")]
    [InlineData("", "1 0 work Client", "2 1 work Consumer")]
    public void A_message_counts_once_for_each_service_that_takes_it(string edges, params string[] spans) =>
        AreInAnyOrder(edges, spans);

    [Theory]
    [InlineData("mssql", "microsoft.sql_server", true)]
    [InlineData("mariadb", "MySQL", true)]
    [InlineData("redis", "memcached", false)]
    public void Systems_are_known_by_their_other_names(string one, string other, bool areOne) =>
        Assert.Equal(areOne, new Peer(null, one, null, null, true).MayBe(new Peer(null, other, null, null, true)));

    [Theory]
    [InlineData("orders", "orders|public", true)]
    [InlineData("instance|orders", "orders", true)]
    [InlineData("orders", "orders2", false)]
    public void Databases_are_known_without_instance_and_schema(string one, string other, bool areOne) =>
        Assert.Equal(areOne, new Peer(null, "x", one, null, true).MayBe(new Peer(null, "x", other, null, true)));

    [Theory]
    [InlineData("b", "b.svc.cluster.local", true)]
    [InlineData("API.bank.com", "bank", true)]
    [InlineData("b:8080", "b", true)]
    [InlineData("bank", "banking", false)]
    [InlineData("bank", "", true)]
    [InlineData("10.0.0.1", "10.0.0.2", false)]
    [InlineData("10.0.0.1", "bank", true)]
    [InlineData("::1", "bank", true)]
    public void Hosts_are_known_by_their_labels_and_addresses_contradict_no_name(
        string one, string other, bool areOne) =>
        Assert.Equal(areOne, new Peer(null, null, null, one, false).MayBeService(other));

    static void AreInAnyOrder(string edges, string[] lines)
    {
        List<Span> spans = [.. lines.Select(Parse)];
        Assert.All(Orders(spans), order =>
        {
            var (linker, counts) = (new EdgeLinker(new SeriesNames()), Counts());
            foreach (var span in order)
            {
                linker.Add([span], counts);
                // the others come late
                linker.Settle(counts);
                linker.Settle(counts);
            }
            Assert.Equal(edges, Edges(counts));
        });
    }

    static Span Parse(string line)
    {
        var words = line.Split(' ');
        var (links, tags) = (words[4..].Where(word => word.StartsWith("link=", StringComparison.Ordinal)).ToArray(),
            words[4..].Where(word => !word.StartsWith("link=", StringComparison.Ordinal)).ToArray());
        var span = Otlp(Number(words[0]), Number(words[1]), words[2], Enum.Parse<SpanKind>(words[3])) with
        {
            Links = [.. links.Select(link => Link(7, Number(link[5..])))],
        };
        return tags.Length == 0 ? span : span.With(Tags(string.Join(' ', tags)));
    }

    static ulong Number(string text) => ulong.Parse(text, CultureInfo.InvariantCulture);

    static string Edges(SpanStatistics counts) => string.Join(", ", Withdrawals
        .Apply(counts.Points(series => series.Level == SeriesLevel.ServiceEdge, 0, long.MaxValue))
        .Where(point => point.Series.Side == EdgeSide.Caller)
        .GroupBy(point => $"{point.Series.Service}>{point.Series.Peer}")
        .Select(same => $"{same.Key} {same.Sum(point => (long)point.Latencies.Calls)}")
        .Order(StringComparer.Ordinal));
}
