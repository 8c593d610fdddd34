namespace Tracing.Instrumentation;

/// <summary>
/// Finds the operation of a request that begins, whose route is not known yet, among those that were served before: a
/// sampler for each operation has to decide then. A path that fits none is known by its method only.
/// </summary>
sealed class RouteTable
{
    volatile Entry[] _routes = [];
    readonly Lock _lock = new();

    public void Add(string method, string route, string name)
    {
        var segments = route.Trim('/').Split('/');
        lock (_lock)
            // those of more literal segments first, as routing prefers them
            _routes = [.. _routes.Append(new Entry(method, segments, name)).OrderBy(each => each.Parameters)];
    }

    /// <summary>"GET /cart/{id}" for "/cart/7", if that route was served before; else the method.</summary>
    public string Find(string method, string path)
    {
        foreach (var route in _routes)
        {
            if (route.Method == method && Fits(route.Segments, path))
                return route.Name;
        }
        return method;
    }

    static bool Fits(string[] segments, ReadOnlySpan<char> path)
    {
        path = path.Trim('/');
        var i = 0;
        foreach (var range in path.Split('/'))
        {
            if (i == segments.Length)
                return false;
            var segment = segments[i++];
            // "{*rest}" takes all
            if (segment.StartsWith("{*", StringComparison.Ordinal))
                return true;
            if (!segment.Contains('{', StringComparison.Ordinal) &&
                !path[range].Equals(segment, StringComparison.OrdinalIgnoreCase))
                return false;
        }
        return i == segments.Length;
    }

    sealed record Entry(string Method, string[] Segments, string Name)
    {
        public int Parameters { get; } = Segments.Count(segment => segment.Contains('{', StringComparison.Ordinal));
    }
}
