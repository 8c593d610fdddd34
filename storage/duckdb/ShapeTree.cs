using System.Runtime.InteropServices;
using System.Text;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Finds the shape of a span by walking its attributes through a tree of keys: a few comparisons for each. New keys and
/// shapes are added until there are too many. Used by the writer thread only.
/// </summary>
sealed class ShapeTree
{
    /// <summary>
    /// Beyond so many shapes, or steps of them, spans of new shapes are written in free form: keys made up for each
    /// span must not fill the memory.
    /// </summary>
    const int MaxShapes = 4096;
    const int MaxNodes = 65_536;

    /// <summary>From so many next keys on they are looked up by hash; before, one after the other.</summary>
    const int ManyChildren = 8;

    readonly Layout _layout;
    readonly Shapes _shapes;
    readonly Node _root = new(null, null);
    readonly Dictionary<(string Key, AttributeType Type, int Column), AttributeKey> _keys = [];
    int _nodes;

    public ShapeTree(Layout layout, Shapes shapes)
    {
        _layout = layout;
        _shapes = shapes;
        // ids of gaps, if any, are those of keys and shapes that were never committed
        foreach (var key in shapes.Keys.All().OfType<AttributeKey>())
            _keys.TryAdd((key.Key, key.Type, key.Column), key);
        foreach (var shape in shapes.All.All().OfType<Shape>())
        {
            var node = _root;
            foreach (var key in shape.Keys)
            {
                // a double may be kept or not; a second shape for the other case does no harm
                var keeps = key.Type is AttributeType.String or AttributeType.Bool or AttributeType.Int or
                    AttributeType.Double;
                node = node.Find(key.Key, key.Type, keeps) ?? AddNode(node, key.Key, key, keeps);
            }
            node.Shape ??= shape;
        }
    }

    /// <summary>Keys and shapes that were added and are not stored yet.</summary>
    public List<AttributeKey> AddedKeys { get; } = [];

    public List<Shape> AddedShapes { get; } = [];

    /// <summary>The shape of a span with these attributes; null when it is to be in free form.</summary>
    public Shape? Of(KeyValue[] attributes)
    {
        var node = _root;
        foreach (ref readonly var attribute in attributes.AsSpan())
        {
            var keeps = Layout.Keeps(attribute.Value);
            var next = node.Find(attribute.Key, attribute.Value.Type, keeps);
            if (next is null)
            {
                if (_nodes >= MaxNodes)
                    return null;
                next = AddNode(
                    node, attribute.Key, KeyOf(node, attribute.Key, attribute.Value.Type, keeps), keeps);
            }
            node = next;
        }
        return node.Shape ?? AddShape(node);
    }

    AttributeKey KeyOf(Node node, string key, AttributeType type, bool keeps)
    {
        var column = keeps ? _layout.IndexOf(key, type) : -1;
        // a key that comes twice: its column is taken
        for (var above = node; above.Key is not null && column >= 0; above = above.Parent!)
        {
            if (above.Key.Column == column)
                column = -1;
        }
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_keys, (key, type, column), out _);
        if (known is null)
        {
            // lone surrogates become what they become on disk
            var stored = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(key));
            known = new AttributeKey(_shapes.Keys.Count, stored, type, column);
            _shapes.Keys.Add(known);
            AddedKeys.Add(known);
        }
        return known;
    }

    /// <param name="name">As sent; the key's own is as it is stored.</param>
    Node AddNode(Node parent, string name, AttributeKey key, bool keeps)
    {
        _nodes++;
        return parent.Add(new Node(parent, key), name, keeps);
    }

    Shape? AddShape(Node node)
    {
        if (_shapes.All.Count >= MaxShapes)
            return null;
        var keys = new Stack<AttributeKey>();
        for (var each = node; each.Key is not null; each = each.Parent!)
            keys.Push(each.Key);
        node.Shape = new Shape(_shapes.All.Count, [.. keys]);
        _shapes.All.Add(node.Shape);
        AddedShapes.Add(node.Shape);
        return node.Shape;
    }

    sealed class Node(Node? parent, AttributeKey? key)
    {
        readonly List<(string Key, AttributeType Type, bool Keeps, Node Node)> _children = [];
        Dictionary<(string Key, AttributeType Type, bool Keeps), Node>? _index;

        public Node? Parent => parent;

        /// <summary>Null for the root.</summary>
        public AttributeKey? Key => key;

        public Shape? Shape { get; set; }

        public Node? Find(string wanted, AttributeType type, bool keeps)
        {
            if (_index is not null)
                return _index.GetValueOrDefault((wanted, type, keeps));
            foreach (ref readonly var child in CollectionsMarshal.AsSpan(_children))
            {
                if (child.Type == type && child.Keeps == keeps && child.Key == wanted)
                    return child.Node;
            }
            return null;
        }

        public Node Add(Node child, string name, bool keeps)
        {
            var type = child.Key!.Type;
            _children.Add((name, type, keeps, child));
            if (_index is null && _children.Count > ManyChildren)
                _index = _children.ToDictionary(each => (each.Key, each.Type, each.Keeps), each => each.Node);
            else
                _index?.Add((name, type, keeps), child);
            return child;
        }
    }
}
