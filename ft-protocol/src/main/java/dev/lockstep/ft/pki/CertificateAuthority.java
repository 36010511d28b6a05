package dev.lockstep.ft.pki;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.tls.PemFiles;
import dev.lockstep.ft.tls.TlsFiles;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;

/**
 * An authority in a folder of mode 0700: {@code ca.pem}, {@code ca-key.pem}, and for each host {@code hosts/NAME/} with {@code cert.pem}, {@code key.pem} and {@code ca.pem}, which is the folder to copy to that host.
 */
public final class CertificateAuthority {
  private static final String KEY = "ca-key.pem";
  private static final String HOSTS = "hosts";
  private static final int MAX_NAMES = 64;
  private static final int DNS_NAME = 2;
  private static final int ADDRESS = 7;
  private static final Pattern NAME =
      Pattern.compile("[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?");

  private final Path folder;
  private final X509Certificate certificate;
  private final PrivateKey key;

  private CertificateAuthority(Path folder, X509Certificate certificate, PrivateKey key) {
    this.folder = folder;
    this.certificate = certificate;
    this.key = key;
  }

  /**
   * Makes a new authority.
   *
   * @param folder created; no authority may be in it yet
   * @throws VmmException if there is one, or the folder cannot be written
   */
  public static CertificateAuthority create(Path folder, Duration validity, Instant now) {
    if (Files.exists(folder.resolve(KEY)) || Files.exists(folder.resolve(TlsFiles.AUTHORITIES))) {
      throw new VmmException(
          "there is an authority in '%s' already".formatted(folder),
          "Issue certificates from it, or give another folder: what the old one has issued would be worth nothing.");
    }
    try {
      makeFolder(folder);
      KeyPair pair = CertificateMaker.key();
      X509Certificate made =
          CertificateMaker.authority(
              "Lockstep authority %08x".formatted(pair.getPublic().hashCode()),
              pair,
              now,
              now.plus(validity));
      write(folder.resolve(KEY), pem(pair.getPrivate()), "rw-------");
      write(folder.resolve(TlsFiles.AUTHORITIES), pem(made), "rw-r--r--");
      return new CertificateAuthority(folder, made, pair.getPrivate());
    } catch (IOException | GeneralSecurityException e) {
      throw failed("no authority can be made in '%s'".formatted(folder), e);
    }
  }

  /**
   * Opens an authority.
   *
   * @throws VmmException if there is none, or its files are damaged
   */
  public static CertificateAuthority open(Path folder) {
    if (!Files.exists(folder.resolve(KEY))) {
      throw new VmmException(
          "there is no authority in '%s'".formatted(folder),
          "Make one by 'lockstep pki init', or name its folder by --pki.");
    }
    try {
      return new CertificateAuthority(
          folder,
          PemFiles.certificates(folder.resolve(TlsFiles.AUTHORITIES)).getFirst(),
          PemFiles.key(folder.resolve(KEY)));
    } catch (IOException | GeneralSecurityException e) {
      throw failed("the authority in '%s' cannot be read".formatted(folder), e);
    }
  }

  /** When what it issues is worth nothing any more. */
  public Instant end() {
    return certificate.getNotAfter().toInstant();
  }

  /**
   * Issues a certificate and a key to a new host.
   *
   * @param host its name: letters, digits, '.', '_' and '-', at most 64
   * @param names other names and addresses under which it is dialled
   * @param validity from now; cut at the authority's own end
   * @throws VmmException if a name is none, the host has one already, or a file cannot be written
   */
  public HostCertificate issue(
      String host, Collection<String> names, Duration validity, Instant now) {
    List<String> all = Stream.concat(Stream.of(host), names.stream()).distinct().toList();
    requireNames(all);
    if (Files.exists(hostFolder(host).resolve(TlsFiles.CERTIFICATE))) {
      throw new VmmException(
          "there is a certificate for '%s' already".formatted(host),
          "Renew it by 'lockstep pki renew %s', or remove '%s' to begin anew."
              .formatted(host, hostFolder(host)));
    }
    return make(host, all, validity, now);
  }

  /**
   * Issues a new certificate, with a new key, to a host that has one, for the same names.
   *
   * @throws VmmException if it has none, or a file cannot be written
   */
  public HostCertificate renew(String host, Duration validity, Instant now) {
    return make(host, read(host).names(), validity, now);
  }

  /** What it has issued, by host; what was copied elsewhere and removed here is not listed. */
  public List<HostCertificate> list() {
    Path hosts = folder.resolve(HOSTS);
    if (!Files.isDirectory(hosts)) {
      return List.of();
    }
    try (Stream<Path> folders = Files.list(hosts)) {
      return folders
          .filter(each -> Files.exists(each.resolve(TlsFiles.CERTIFICATE)))
          .map(each -> read(each.getFileName().toString()))
          .sorted((one, other) -> one.host().compareTo(other.host()))
          .toList();
    } catch (IOException e) {
      throw failed("'%s' cannot be read".formatted(hosts), e);
    }
  }

  private HostCertificate read(String host) {
    requireNames(List.of(host));
    Path file = hostFolder(host).resolve(TlsFiles.CERTIFICATE);
    if (!Files.exists(file)) {
      throw new VmmException(
          "there is no certificate for '%s' in '%s'".formatted(host, folder),
          "See 'lockstep pki list', or issue one by 'lockstep pki issue'.");
    }
    try {
      X509Certificate found = PemFiles.certificates(file).getFirst();
      List<String> names = new ArrayList<>();
      Collection<List<?>> alternatives = found.getSubjectAlternativeNames();
      if (alternatives != null) {
        for (List<?> each : alternatives) {
          if (Set.of(DNS_NAME, ADDRESS).contains(each.getFirst())) {
            names.add(String.valueOf(each.getLast()));
          }
        }
      }
      return new HostCertificate(host, names, found.getNotAfter().toInstant(), hostFolder(host));
    } catch (IOException | GeneralSecurityException e) {
      throw failed("the certificate for '%s' cannot be read".formatted(host), e);
    }
  }

  private HostCertificate make(String host, List<String> names, Duration validity, Instant now) {
    if (!now.isBefore(end())) {
      throw new VmmException(
          "the authority in '%s' has ended on %s".formatted(folder, end()),
          "Make a new one in another folder by 'lockstep pki init', and issue all certificates anew.");
    }
    Instant wanted = now.plus(validity);
    Instant until = wanted.isAfter(end()) ? end() : wanted;
    Path place = hostFolder(host);
    try {
      makeFolder(folder.resolve(HOSTS));
      makeFolder(place);
      KeyPair pair = CertificateMaker.key();
      X509Certificate made = CertificateMaker.host(host, names, pair, certificate, key, now, until);
      write(place.resolve(TlsFiles.KEY), pem(pair.getPrivate()), "rw-------");
      write(place.resolve(TlsFiles.CERTIFICATE), pem(made), "rw-r--r--");
      write(place.resolve(TlsFiles.AUTHORITIES), pem(certificate), "rw-r--r--");
    } catch (IOException | GeneralSecurityException e) {
      throw failed("no certificate can be issued to '%s'".formatted(host), e);
    }
    return read(host);
  }

  private Path hostFolder(String host) {
    return folder.resolve(HOSTS).resolve(host);
  }

  private static void requireNames(List<String> names) {
    for (String name : names) {
      if (!NAME.matcher(name).matches() && !CertificateMaker.isAddress(name)) {
        throw new VmmException(
            "'%s' is no name of a host".formatted(name),
            "Give DNS names, or addresses in numbers.");
      }
    }
    if (names.size() > MAX_NAMES) {
      throw new VmmException(
          "%d names are too many for one certificate".formatted(names.size()),
          "Give %d at most.".formatted(MAX_NAMES));
    }
  }

  private static String pem(Object what) throws IOException {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
      writer.writeObject(
          what instanceof PrivateKey privateKey ? new JcaPKCS8Generator(privateKey, null) : what);
    }
    return text.toString();
  }

  private static void makeFolder(Path place) throws IOException {
    if (!Files.isDirectory(place)) {
      Path parent = place.toAbsolutePath().getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      Files.createDirectory(
          place,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
  }

  /** A file that is there whole or not at all; whoever reads it meanwhile has the one before. */
  private static void write(Path file, String text, String mode) throws IOException {
    Path fresh = file.resolveSibling("." + file.getFileName() + ".new");
    Files.deleteIfExists(fresh);
    try (FileChannel channel =
        FileChannel.open(
            fresh,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(mode)))) {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static VmmException failed(String what, Exception e) {
    String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    return new VmmException(
        "%s: %s".formatted(what, reason),
        "See that the folder can be written and its files are whole.",
        e);
  }
}
