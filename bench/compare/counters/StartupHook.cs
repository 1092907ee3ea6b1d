// Counts what SQLite does in the server's process. The server itself is unchanged: .NET runs this before the server's
// own code, and SQLite calls it back after every statement on every connection. Each connection to the port in
// BENCH_COUNTERS is answered with the totals as one line of JSON.
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

internal static unsafe class StartupHook
{
    private const int TraceProfile = 2;
    private const int StatementVmSteps = 4;
    private const int ConnectionCacheHits = 7;
    private const int ConnectionCacheMisses = 8;

    private static long statements;
    private static long pages;
    private static long steps;

    public static void Initialize()
    {
        if (sqlite3_auto_extension(&OnOpen) is not 0) throw new InvalidOperationException("SQLite took no extension.");
        var port = int.Parse(Environment.GetEnvironmentVariable("BENCH_COUNTERS")!);
        var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        new Thread(() => Answer(listener)) { IsBackground = true }.Start();
    }

    private static void Answer(TcpListener listener)
    {
        while (true)
        {
            using var client = listener.AcceptTcpClient();
            var (done, read, ran) = (Volatile.Read(ref statements), Volatile.Read(ref pages), Volatile.Read(ref steps));
            var totals = $$"""{"statements":{{done}},"pages":{{read}},"steps":{{ran}}}""";
            client.GetStream().Write(Encoding.UTF8.GetBytes(totals));
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnOpen(nint connection, nint error, nint api) =>
        sqlite3_trace_v2(connection, TraceProfile, &OnStatementEnd, connection);

    // The context is the connection that the statement ran on. Both counters begin again at zero.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnStatementEnd(uint kind, nint connection, nint statement, nint nanoseconds)
    {
        Interlocked.Increment(ref statements);
        Interlocked.Add(ref steps, sqlite3_stmt_status(statement, StatementVmSteps, 1));
        Interlocked.Add(ref pages, Take(connection, ConnectionCacheHits) + Take(connection, ConnectionCacheMisses));
        return 0;
    }

    private static int Take(nint connection, int counter)
    {
        int current, highest;
        _ = sqlite3_db_status(connection, counter, &current, &highest, 1);
        return current;
    }

    [DllImport("e_sqlite3")]
    private static extern int sqlite3_auto_extension(delegate* unmanaged[Cdecl]<nint, nint, nint, int> onOpen);

    [DllImport("e_sqlite3")]
    private static extern int sqlite3_trace_v2(
        nint connection, uint kinds, delegate* unmanaged[Cdecl]<uint, nint, nint, nint, int> callback, nint context);

    [DllImport("e_sqlite3")]
    private static extern int sqlite3_db_status(nint connection, int counter, int* current, int* highest, int reset);

    [DllImport("e_sqlite3")]
    private static extern int sqlite3_stmt_status(nint statement, int counter, int reset);
}
