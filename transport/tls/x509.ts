/**
 * What makes a certificate. To be imported when one is made, because most starts find one in the state folder. A bundle knows the names of a
 * package in CommonJS only where they are imported by name.
 */
import "reflect-metadata";

export {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
