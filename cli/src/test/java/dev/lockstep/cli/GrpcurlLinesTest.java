package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.util.JsonFormat;
import dev.lockstep.ft.control.proto.ControlServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.StreamObserver;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The grpcurl lines of docs/control.md are right: each is read as grpcurl reads it and performed against a real server by reflection alone, with JSON in and out. They make a round of a VM's life, in their order.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class GrpcurlLinesTest {
  private static final Pattern LINE =
      Pattern.compile(
          "grpcurl -plaintext -unix(?: -max-time (\\d+))?(?: -d '([^']*)')? SOCKET (\\S+)(?: (\\S+))?");

  /** Lines whose call fails, as it should in that round. */
  private static final Map<String, Status.Code> FAILING =
      Map.of(
          // Nobody waits there, and there is no backup yet.
          "ProtectVm",
          Status.Code.DEADLINE_EXCEEDED,
          "FailoverVm",
          Status.Code.FAILED_PRECONDITION,
          "WatchEvents",
          Status.Code.DEADLINE_EXCEEDED);

  @TempDir Path folder;

  private record Line(
      @Nullable Integer maxSeconds, String data, String word, @Nullable String argument) {}

  private static List<Line> documented() throws Exception {
    List<Line> lines = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of("..", "docs", "control.md"))) {
      if (line.startsWith("    grpcurl")) {
        Matcher matcher = LINE.matcher(line.strip());
        assertThat(matcher.matches()).as("a line that grpcurl understands: " + line).isTrue();
        lines.add(
            new Line(
                matcher.group(1) == null ? null : Integer.valueOf(matcher.group(1)),
                matcher.group(2) == null ? "{}" : matcher.group(2),
                matcher.group(3),
                matcher.group(4)));
      }
    }
    return lines;
  }

  @Test
  void everyLineDoesWhatItSays() throws Exception {
    Path guest = Files.createDirectory(folder.resolve("srv"));
    new TinyGuest().print("hello\n").spin().write(guest.resolve("vmlinuz"));
    TreeSet<String> called = new TreeSet<>();
    try (ControlRig rig = new ControlRig(folder, "a")) {
      Reflection reflection = new Reflection(rig.client.channel());
      for (Line line : documented()) {
        switch (line.word()) {
          case "list" ->
              assertThat(reflection.services())
                  .contains(
                      ControlServiceGrpc.SERVICE_NAME,
                      "grpc.health.v1.Health",
                      "grpc.reflection.v1.ServerReflection",
                      "grpc.reflection.v1alpha.ServerReflection");
          case "describe" ->
              assertThat(reflection.service(String.valueOf(line.argument())).getMethods())
                  .isNotEmpty();
          default -> {
            called.add(line.word().substring(line.word().indexOf('/') + 1));
            perform(rig, reflection, line, guest);
          }
        }
      }
    }
    assertThat(called)
        .as("every call of the service is among the lines")
        .containsAll(
            ControlServiceGrpc.getServiceDescriptor().getMethods().stream()
                .map(method -> String.valueOf(method.getBareMethodName()))
                .toList());
  }

  private static void perform(ControlRig rig, Reflection reflection, Line line, Path guest)
      throws Exception {
    String service = line.word().substring(0, line.word().indexOf('/'));
    String name = line.word().substring(line.word().indexOf('/') + 1);
    MethodDescriptor method = reflection.service(service).findMethodByName(name);
    assertThat(method).as(line.word()).isNotNull();
    if (name.equals("OpenConsole")) {
      await().until(() -> rig.status("web").getConsole().getEndOffset() == 6);
    }
    DynamicMessage.Builder request = DynamicMessage.newBuilder(method.getInputType());
    JsonFormat.parser().merge(line.data().replace("/srv/web", guest.toString()), request);
    Answer answer = call(rig.client.channel(), service, method, request.build(), line.maxSeconds());
    assertThat(answer.status().getCode())
        .as(line.word() + ": " + answer.status())
        .isEqualTo(FAILING.getOrDefault(name, Status.Code.OK));
    String json =
        answer.messages().stream().map(GrpcurlLinesTest::json).collect(Collectors.joining());
    switch (name) {
      case "Check" -> assertThat(json).contains("SERVING");
      case "CreateVm" -> assertThat(json).containsAnyOf("VM_STATE_CREATED", "VM_STATE_RUNNING");
      case "ListVms", "GetVm" -> assertThat(json).contains("\"web\"");
      case "PauseVm" -> assertThat(json).contains("VM_STATE_PAUSED");
      case "ResumeVm" -> assertThat(json).contains("VM_STATE_RUNNING");
      case "StartVm", "RestoreVm" ->
          assertThat(json).containsAnyOf("VM_STATE_RUNNING", "VM_STATE_STARTING");
      case "SnapshotVm" ->
          assertThat(Path.of(String.valueOf(answer.text("folder"))).resolve("machine.json"))
              .exists();
      // "hello\n" in base64.
      case "OpenConsole" -> assertThat(json).contains("aGVsbG8K");
      case "WatchEvents" -> assertThat(json).contains("VM_STATE_CREATED", "VM_STATE_PAUSED");
      case "GetMetrics" -> assertThat(json).contains("lockstep_guest_instructions_total");
      case "StopVm", "KillVm" -> assertThat(json).contains("VM_STATE_ENDED");
      case "UnprotectVm" -> assertThat(json).doesNotContain("PROTECTION_STATE_PROTECTED");
      case "DeleteVm" -> assertThat(rig.vms.list()).isEmpty();
      case "RecoverVm" -> assertThat(json).contains("verdict");
      default -> assertThat(FAILING).containsKey(name);
    }
  }

  private static String json(DynamicMessage message) {
    try {
      return JsonFormat.printer().print(message);
    } catch (com.google.protobuf.InvalidProtocolBufferException e) {
      throw new IllegalStateException(e);
    }
  }

  private record Answer(Status status, List<DynamicMessage> messages) {
    /** A field of the first message. */
    Object text(String field) {
      DynamicMessage first = messages.getFirst();
      return first.getField(first.getDescriptorForType().findFieldByName(field));
    }
  }

  private static Answer call(
      Channel channel,
      String service,
      MethodDescriptor method,
      DynamicMessage request,
      @Nullable Integer maxSeconds)
      throws Exception {
    io.grpc.MethodDescriptor<DynamicMessage, DynamicMessage> called =
        io.grpc.MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
            .setType(
                method.isClientStreaming()
                    ? io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING
                    : method.isServerStreaming()
                        ? io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING
                        : io.grpc.MethodDescriptor.MethodType.UNARY)
            .setFullMethodName(
                io.grpc.MethodDescriptor.generateFullMethodName(service, method.getName()))
            .setRequestMarshaller(
                ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getInputType())))
            .setResponseMarshaller(
                ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getOutputType())))
            .build();
    CallOptions options =
        CallOptions.DEFAULT.withDeadlineAfter(
            maxSeconds == null ? 60 : maxSeconds, TimeUnit.SECONDS);
    ClientCall<DynamicMessage, DynamicMessage> call = channel.newCall(called, options);
    List<DynamicMessage> messages = new ArrayList<>();
    CompletableFuture<Status> ended = new CompletableFuture<>();
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onMessage(DynamicMessage message) {
            messages.add(message);
            call.request(1);
          }

          @Override
          public void onClose(Status status, Metadata trailers) {
            ended.complete(status);
          }
        },
        new Metadata());
    call.request(1);
    call.sendMessage(request);
    call.halfClose();
    return new Answer(ended.get(90, TimeUnit.SECONDS), messages);
  }

  /** What grpcurl knows of a server: what that says of itself. */
  private static final class Reflection {
    private final Channel channel;

    Reflection(Channel channel) {
      this.channel = channel;
    }

    List<String> services() throws Exception {
      return ask(ServerReflectionRequest.newBuilder().setListServices("").build())
          .getListServicesResponse()
          .getServiceList()
          .stream()
          .map(io.grpc.reflection.v1.ServiceResponse::getName)
          .toList();
    }

    ServiceDescriptor service(String name) throws Exception {
      ServerReflectionResponse response =
          ask(ServerReflectionRequest.newBuilder().setFileContainingSymbol(name).build());
      Map<String, FileDescriptorProto> files = new HashMap<>();
      String first = "";
      for (var bytes : response.getFileDescriptorResponse().getFileDescriptorProtoList()) {
        FileDescriptorProto file = FileDescriptorProto.parseFrom(bytes);
        first = first.isEmpty() ? file.getName() : first;
        files.put(file.getName(), file);
      }
      FileDescriptor file = build(first, files);
      ServiceDescriptor service = file.findServiceByName(name.substring(name.lastIndexOf('.') + 1));
      assertThat(service).as(name).isNotNull();
      return service;
    }

    private FileDescriptor build(String name, Map<String, FileDescriptorProto> files)
        throws Exception {
      FileDescriptorProto file = files.get(name);
      if (file == null) {
        ServerReflectionResponse response =
            ask(ServerReflectionRequest.newBuilder().setFileByFilename(name).build());
        file =
            FileDescriptorProto.parseFrom(
                response.getFileDescriptorResponse().getFileDescriptorProto(0));
      }
      List<FileDescriptor> needed = new ArrayList<>();
      for (String other : file.getDependencyList()) {
        needed.add(build(other, files));
      }
      return FileDescriptor.buildFrom(file, needed.toArray(FileDescriptor[]::new));
    }

    private ServerReflectionResponse ask(ServerReflectionRequest request) throws Exception {
      CompletableFuture<ServerReflectionResponse> answer = new CompletableFuture<>();
      StreamObserver<ServerReflectionRequest> to =
          ServerReflectionGrpc.newStub(channel)
              .serverReflectionInfo(
                  new StreamObserver<>() {
                    @Override
                    public void onNext(ServerReflectionResponse response) {
                      answer.complete(response);
                    }

                    @Override
                    public void onError(Throwable t) {
                      answer.completeExceptionally(t);
                    }

                    @Override
                    public void onCompleted() {}
                  });
      to.onNext(request);
      ServerReflectionResponse response = answer.get(60, TimeUnit.SECONDS);
      to.onCompleted();
      return response;
    }
  }
}
