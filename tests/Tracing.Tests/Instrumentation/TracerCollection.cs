using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>Tests that trace this process, one after the other.</summary>
[CollectionDefinition(nameof(TracerCollection))]
public sealed class TracerCollection;
