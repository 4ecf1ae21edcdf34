// LiveClient.java URL polling|websocket|upgrade - what the official Java client
// makes of the test server; prints one line for each thing it saw.
import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import io.socket.engineio.client.Transport;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HexFormat;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.json.JSONArray;
import org.json.JSONObject;

class LiveClient {
    static String url;
    static String[] transports;
    static java.io.PrintStream out =
        new java.io.PrintStream(System.out, true, StandardCharsets.UTF_8);

    static Socket socket(String nsp, String token) throws Exception {
        IO.Options options = IO.Options.builder()
            .setForceNew(true)
            .setTransports(transports)
            .setAuth(token == null ? null
                : Collections.singletonMap("token", token))
            .build();
        return IO.socket(URI.create(url + nsp), options);
    }

    static BlockingQueue<Object[]> listen(Socket socket, String event) {
        BlockingQueue<Object[]> queue = new LinkedBlockingQueue<>();
        socket.on(event, queue::add);
        return queue;
    }

    static Object[] next(BlockingQueue<Object[]> queue) throws Exception {
        Object[] args = queue.poll(10, TimeUnit.SECONDS);
        if (args == null)
            throw new Exception("nothing came within 10 s");
        return args;
    }

    static Object ack(Socket socket, String event, Object... args)
            throws Exception {
        BlockingQueue<Object[]> queue = new LinkedBlockingQueue<>();
        socket.emit(event, args, (Ack) queue::add);
        Object[] answer = next(queue);
        return answer.length > 0 ? answer[0] : null;
    }

    public static void main(String[] argv) throws Exception {
        url = argv[0];
        String mode = argv[1];
        transports = mode.equals("upgrade")
            ? new String[] {"polling", "websocket"} : new String[] {mode};

        BlockingQueue<Object[]> upgraded = new LinkedBlockingQueue<>();
        Socket a = socket("/", "t");
        BlockingQueue<Object[]> auth = listen(a, "auth");
        BlockingQueue<Object[]> back = listen(a, "message-back");
        BlockingQueue<Object[]> answered = listen(a, "answered");
        BlockingQueue<Object[]> gone = listen(a, Socket.EVENT_DISCONNECT);
        a.on("question", args -> ((Ack) args[args.length - 1])
            .call(args[0] + "!"));
        BlockingQueue<Object[]> transport = new LinkedBlockingQueue<>();
        a.io().on(io.socket.client.Manager.EVENT_TRANSPORT, args -> {
            Transport t = (Transport) args[0];
            transport.add(new Object[] {t.name});
        });
        a.connect();
        out.println("auth " + next(auth)[0]);

        a.emit("message", 1, "\u00e9",
            new JSONArray(Collections.singletonList(true)));
        Object[] echo = next(back);
        out.println("echo " + echo[0] + " " + echo[1] + " " + echo[2]);
        out.println("ack " + ack(a, "message-with-ack", "x", 2));
        a.emit("message", (Object) new byte[] {0, -1, 7});
        out.println("binary "
            + HexFormat.of().formatHex((byte[]) next(back)[0]));
        a.emit("ask", "why");
        out.println("asked " + next(answered)[0]);

        Socket b = socket("/", null);
        BlockingQueue<Object[]> to = listen(b, "to");
        BlockingQueue<Object[]> hello = listen(b, "auth");
        b.connect();
        next(hello);
        ack(b, "join", "red");
        a.emit("to", "red", "hello");
        out.println("room " + next(to)[0]);

        Socket custom = socket("/custom", null);
        BlockingQueue<Object[]> apart = listen(custom, "message-back");
        custom.connect();
        custom.emit("message", "apart");
        out.println("custom " + next(apart)[0]);
        Socket secret = socket("/secret", "no");
        BlockingQueue<Object[]> refused =
            listen(secret, Socket.EVENT_CONNECT_ERROR);
        secret.connect();
        out.println("refused "
            + ((JSONObject) next(refused)[0]).getString("message"));

        String last = (String) next(transport)[0];
        while (mode.equals("upgrade") && !last.equals("websocket"))
            last = (String) next(transport)[0];
        a.emit("kick");
        out.println("kicked " + next(gone)[0]);
        out.println("transport " + last);
        System.exit(0);
    }
}
