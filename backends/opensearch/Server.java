import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.opensearch.analysis.common.CommonAnalysisPlugin;
import org.opensearch.common.settings.Settings;
import org.opensearch.index.mapper.MapperExtrasPlugin;
import org.opensearch.index.reindex.ReindexPlugin;
import org.opensearch.ingest.common.IngestCommonPlugin;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;
import org.opensearch.transport.Netty4Plugin;

/**
 * An OpenSearch node of the published jars: arguments are its folder, its HTTP port and its transport port.
 *
 * The distribution's own launcher is not published as a package, and would not run as root, as CI does.
 */
public final class Server extends Node {
  private static final List<Class<? extends Plugin>> MODULES = List.of(
      Netty4Plugin.class, CommonAnalysisPlugin.class, MapperExtrasPlugin.class, IngestCommonPlugin.class,
      ReindexPlugin.class);

  private Server(Settings settings) {
    super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "opensearch"), MODULES, false);
  }

  public static void main(String[] arguments) throws Exception {
    var server = new Server(Settings.builder()
        .put("path.home", Path.of(arguments[0]).toAbsolutePath().toString())
        .put("http.port", arguments[1])
        .put("transport.port", arguments[2])
        .put("network.host", "127.0.0.1")
        .put("discovery.type", "single-node")
        .put("cluster.routing.allocation.disk.threshold_enabled", false)
        .build());
    var stopped = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        server.close();
      } catch (IOException error) {
        throw new java.io.UncheckedIOException(error);
      } finally {
        stopped.countDown();
      }
    }));
    server.start();
    stopped.await();
  }
}
