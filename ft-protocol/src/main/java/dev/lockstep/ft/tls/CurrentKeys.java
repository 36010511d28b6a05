package dev.lockstep.ft.tls;

import java.net.Socket;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;

/**
 * The key of the moment, by what the JDK's own manager chooses from it. An alias names one state of the files, so a key and its certificate never come from two. There is one certificate: it is shown whatever authorities the
 * other end would like, which then says what it thinks of it.
 */
final class CurrentKeys extends X509ExtendedKeyManager {
  private final TlsIdentity identity;

  CurrentKeys(TlsIdentity identity) {
    this.identity = identity;
  }

  @Override
  public @Nullable String chooseEngineClientAlias(
      String[] keyTypes, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
    return identity.material().keys().chooseEngineClientAlias(keyTypes, null, engine);
  }

  @Override
  public @Nullable String chooseEngineServerAlias(
      String keyType, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
    return identity.material().keys().chooseEngineServerAlias(keyType, null, engine);
  }

  @Override
  public @Nullable String chooseClientAlias(
      String[] keyTypes, Principal @Nullable [] issuers, @Nullable Socket socket) {
    return identity.material().keys().chooseClientAlias(keyTypes, null, socket);
  }

  @Override
  public @Nullable String chooseServerAlias(
      String keyType, Principal @Nullable [] issuers, @Nullable Socket socket) {
    return identity.material().keys().chooseServerAlias(keyType, null, socket);
  }

  @Override
  public String @Nullable [] getClientAliases(String keyType, Principal @Nullable [] issuers) {
    return identity.material().keys().getClientAliases(keyType, issuers);
  }

  @Override
  public String @Nullable [] getServerAliases(String keyType, Principal @Nullable [] issuers) {
    return identity.material().keys().getServerAliases(keyType, issuers);
  }

  @Override
  public X509Certificate @Nullable [] getCertificateChain(String alias) {
    TlsMaterial material = identity.material(alias);
    return material == null ? null : material.keys().getCertificateChain(alias);
  }

  @Override
  public @Nullable PrivateKey getPrivateKey(String alias) {
    TlsMaterial material = identity.material(alias);
    return material == null ? null : material.keys().getPrivateKey(alias);
  }
}
