namespace Tracing.Storage;

/// <summary>A store that cannot be opened; the message names the place and says what to do.</summary>
public sealed class StoreUnusableException(string message, Exception? inner = null) : Exception(message, inner);
